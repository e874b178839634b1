using Domicile.Residency;

namespace Domicile.Tests.Residency;

#pragma warning disable CA1812 // The catalogue looks at the types; nobody makes one.

/// <summary>Each rule has a planted violation that is refused, and a kind that keeps it.</summary>
public sealed class CatalogueRulesTests
{
    private static IReadOnlyList<string> FaultsOf(Func<Catalogue, Catalogue> declare) =>
        Assert.Throws<CatalogueException>(() => declare(new Catalogue()).Close()).Faults;

    private static void Refuses<T>(string fault)
        where T : class =>
        Assert.Contains(FaultsOf(catalogue => catalogue.Add<T>(Plants.Json)), found => found.Contains(fault, StringComparison.Ordinal));

    [Fact]
    public void A_type_without_a_declaration_is_refused() => Refuses<Undeclared>("Undeclared is not declared with [Record].");

    [Record("Plants.bad_name", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record BadName([property: Key] long Id = 0);

    [Fact]
    public void A_name_that_is_not_module_and_noun_is_refused() => Refuses<BadName>("a kind is named module.noun");

    [Record("engine.feed", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record EnginesOwn([property: Key] long Id = 0);

    [Fact]
    public void A_name_of_the_engines_own_tables_is_refused() => Refuses<EnginesOwn>("engine and sqlite are not modules");

    [Record("plants.keyless", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record Keyless([property: Plain("p")] long Id = 0);

    [Fact]
    public void A_record_without_a_key_is_refused() => Refuses<Keyless>("without [Key]");

    [Record("plants.words", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record Words([property: Key] long Order = 0, [property: Plain("p")] long Resource = 0);

    [Fact]
    public void A_column_that_is_a_word_of_sql_or_of_the_store_is_refused()
    {
        Refuses<Words>("Order is a word of SQL");
        Refuses<Words>("Resource is a word of SQL");
    }

    [Record("plants.unholdable", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record Unholdable([property: Key] long Id = 0, [property: Plain("p")] decimal Amount = 0);

    [Fact]
    public void A_column_of_a_type_that_no_column_holds_is_refused() => Refuses<Unholdable>("no column can hold a Decimal");

    [Record("plants.version", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record ShortVersion([property: Key] long Id = 0, [property: Version] int Version = 0);

    [Fact]
    public void A_version_that_is_not_a_long_is_refused() => Refuses<ShortVersion>("Version is a [Version], so it is a long");

    [Record("plants.erased", DataCategory.Usage, Retention.UntilDeleted, Erasure = ErasureRule.Depersonalise)]
    internal sealed record OddErased([property: Key] long Id = 0, [property: Owner] SubjectRef Owner = default, [property: Erased] bool Gone = false);

    [Fact]
    public void An_erased_member_that_is_not_an_instant_is_refused() => Refuses<OddErased>("Gone is [Erased], so it is a DateTimeOffset");

    [Record("plants.ruleless", DataCategory.Content, Retention.UntilDeleted)]
    internal sealed record Ruleless([property: Key] long Id = 0, [property: Owner] SubjectRef Owner = default);

    [Record("plants.rulelessToo", DataCategory.Content, Retention.UntilDeleted)]
    internal sealed record RulelessToo([property: Key] long Id = 0, [property: Subject] SubjectRef Someone = default);

    [Fact]
    public void A_person_without_a_rule_for_erasure_is_refused()
    {
        Refuses<Ruleless>("does not say what their erasure does to it");
        Refuses<RulelessToo>("does not say what their erasure does to it");
    }

    [Record("plants.nobodys", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Delete)]
    internal sealed record Nobodys([property: Key] long Id = 0);

    [Fact]
    public void A_rule_for_erasure_without_a_person_is_refused() => Refuses<Nobodys>("but no [Owner] or [Subject]");

    [Record("plants.unreasoned", DataCategory.OptOut, Retention.UntilDeleted, Erasure = ErasureRule.KeepUntilExpiry, ErasureReason = " ")]
    internal sealed record Unreasoned([property: Key] long Id = 0, [property: Subject] SubjectRef Someone = default);

    [Fact]
    public void Keeping_without_a_legal_reason_is_refused() => Refuses<Unreasoned>("without a stated legal reason");

    [Record("plants.keptSealed", DataCategory.OptOut, Retention.UntilDeleted, Erasure = ErasureRule.KeepUntilExpiry, ErasureReason = "law")]
    internal sealed record KeptSealed([property: Key] long Id = 0, [property: Owner] SubjectRef Someone = default);

    [Fact]
    public void Keeping_what_is_sealed_under_the_person_is_refused() => Refuses<KeptSealed>("must not be sealed under them");

    [Record("plants.silent", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Depersonalise)]
    internal sealed record Silent([property: Key] long Id = 0, [property: Owner] SubjectRef Owner = default);

    [Fact]
    public void Depersonalising_what_cannot_say_so_is_refused() => Refuses<Silent>("needs an [Erased] member");

    [Record("plants.cutKey", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Depersonalise)]
    internal sealed record CutKey([property: Key, Owner] SubjectRef Owner = default, [property: Key] long Id = 0, [property: Erased] DateTimeOffset? Gone = null);

    [Record("plants.cutIndex", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Depersonalise)]
    [Index("one per person", nameof(Owner), Unique = true)]
    internal sealed record CutIndex([property: Key] long Id = 0, [property: Owner] SubjectRef Owner = default, [property: Erased] DateTimeOffset? Gone = null);

    [Fact]
    public void Cutting_a_reference_that_names_the_row_is_refused()
    {
        Refuses<CutKey>("the owner cannot be part of the key or of a unique index");
        Refuses<CutIndex>("the owner cannot be part of the key or of a unique index");
    }

    [Record("plants.plainPerson", DataCategory.Content, Retention.UntilDeleted)]
    internal sealed record PlainPerson([property: Key] long Id = 0, [property: Plain("shown")] SubjectRef Someone = default);

    [Fact]
    public void A_person_in_a_column_that_does_not_say_so_is_refused() => Refuses<PlainPerson>("Someone is a person, so it is [Owner] or [Subject]");

    [Record("plants.namedPerson", DataCategory.Content, Retention.UntilDeleted, Erasure = ErasureRule.Delete)]
    internal sealed record NamedPerson([property: Key] long Id = 0, [property: Owner] string Someone = "");

    [Fact]
    public void An_identifier_of_a_person_in_a_column_is_refused() => Refuses<NamedPerson>("Someone is [Owner] or [Subject], so it is a SubjectRef");

    [Record("plants.ageless", DataCategory.Usage, Retention.FixedAge)]
    internal sealed record Ageless([property: Key] long Id = 0, [property: Clock] DateTimeOffset At = default);

    [Record("plants.clockless", DataCategory.Usage, Retention.FixedAge, AgeDays = 3)]
    internal sealed record Clockless([property: Key] long Id = 0);

    [Record("plants.emptyClock", DataCategory.Usage, Retention.FixedAge, AgeDays = 3)]
    internal sealed record EmptyClock([property: Key] long Id = 0, [property: Clock] DateTimeOffset? At = null);

    [Fact]
    public void A_fixed_age_without_days_or_clock_is_refused()
    {
        Refuses<Ageless>("a fixed age needs AgeDays and a [Clock]");
        Refuses<Clockless>("a fixed age needs AgeDays and a [Clock]");
        Refuses<EmptyClock>("a [Clock] that is never empty");
    }

    [Record("plants.dateless", DataCategory.Usage, Retention.StoredDate)]
    internal sealed record Dateless([property: Key] long Id = 0);

    [Fact]
    public void A_stored_date_without_one_is_refused() => Refuses<Dateless>("needs an [Expires] member");

    [Record("plants.orphan", DataCategory.Usage, Retention.WithParent)]
    internal sealed record Orphan([property: Key] long Id = 0);

    [Fact]
    public void Going_with_a_parent_without_one_is_refused() => Refuses<Orphan>("it goes with its parent, but has no [Parent]");

    [Record("plants.oddClock", DataCategory.Usage, Retention.FixedAge, AgeDays = 1)]
    internal sealed record OddClock([property: Key] long Id = 0, [property: Clock] long At = 0);

    [Fact]
    public void A_clock_that_is_no_instant_is_refused() => Refuses<OddClock>("is a DateTimeOffset");

    [Record("plants.child", DataCategory.Usage, Retention.WithParent)]
    internal sealed record Child([property: Key] long Id = 0, [property: Parent<Root>] Ref<Root> Root = default);

    [Record("plants.root", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record Root([property: Key] Ref<Root> Id = default);

    [Fact]
    public void A_parent_that_is_not_in_the_catalogue_is_refused()
    {
        Refuses<Child>("its parent Root is not in the catalogue");
        new Catalogue().Add<Child>(Plants.Json).Add<Root>(Plants.Json).Close();
    }

    [Record("plants.wide", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record Wide([property: Key] string Name = "", [property: Key] long Part = 0);

    [Record("plants.belowWide", DataCategory.Usage, Retention.WithParent)]
    internal sealed record BelowWide([property: Key] long Id = 0, [property: Parent<Wide>] Ref<Wide> Above = default);

    [Fact]
    public void A_parent_without_a_single_number_for_a_key_is_refused() =>
        Assert.Contains(FaultsOf(catalogue => catalogue.Add<Wide>(Plants.Json).Add<BelowWide>(Plants.Json)), fault => fault.Contains("has no single 64-bit key", StringComparison.Ordinal));

    [Record("plants.hen", DataCategory.Usage, Retention.WithParent)]
    internal sealed record Hen([property: Key] Ref<Hen> Id = default, [property: Parent<Egg>] Ref<Egg> From = default);

    [Record("plants.egg", DataCategory.Usage, Retention.WithParent)]
    internal sealed record Egg([property: Key] Ref<Egg> Id = default, [property: Parent<Hen>] Ref<Hen> From = default);

    [Fact]
    public void Kinds_that_are_each_others_parent_are_refused()
    {
        var faults = FaultsOf(catalogue => catalogue.Add<Hen>(Plants.Json).Add<Egg>(Plants.Json));
        Assert.Equal(2, faults.Count(fault => fault.Contains("its own ancestor", StringComparison.Ordinal)));
    }

    [Record("plants.unbound", DataCategory.Usage, Retention.WithParent, Layout.Append)]
    internal sealed record Unbound([property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key, Arrival] long At = 0, [property: Sequence] long Place = 0);

    [Fact]
    public void An_allocated_key_without_an_identity_is_refused() => Refuses<Unbound>("the seal needs an [Identity]");

    [Record("plants.halfAppended", DataCategory.Usage, Retention.WithParent, Layout.Append)]
    internal sealed record HalfAppended([property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key, Arrival] long At = 0, [property: Identity] Guid Id = default);

    [Record("plants.sequencedRows", DataCategory.Usage, Retention.WithParent)]
    internal sealed record SequencedRows(
        [property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key, Arrival] long At = 0, [property: Sequence] long Place = 0, [property: Identity] Guid Id = default);

    [Fact]
    public void What_is_appended_has_all_that_appending_takes_and_nothing_else_has()
    {
        Refuses<HalfAppended>("a record that is appended has a [Parent], a [Sequence] and an [Arrival]");
        Refuses<SequencedRows>("and no other has");
    }

    [Record("plants.backwards", DataCategory.Usage, Retention.WithParent, Layout.Append)]
    internal sealed record Backwards(
        [property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key, Sequence] long Place = 0, [property: Arrival] long At = 0, [property: Identity] Guid Id = default);

    [Fact]
    public void The_key_of_what_is_appended_is_its_parent_and_its_arrival() => Refuses<Backwards>("is its [Parent], then its [Arrival]");

    [Record("plants.intSequence", DataCategory.Usage, Retention.WithParent, Layout.Append)]
    internal sealed record IntSequence(
        [property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key, Arrival] long At = 0, [property: Sequence] int Place = 0, [property: Identity] Guid Id = default);

    [Fact]
    public void An_allocated_place_that_is_not_a_long_is_refused() => Refuses<IntSequence>("a [Sequence] or an [Arrival] is a long");

    [Record("plants.textParent", DataCategory.Usage, Retention.WithParent)]
    internal sealed record TextParent([property: Key] long Id = 0, [property: Parent<Root>] string Root = "");

    [Fact]
    public void A_parent_that_is_not_a_number_is_refused() => Refuses<TextParent>("its [Parent] is not the 64-bit key of one");

    [Record("plants.rootlessFind", DataCategory.Usage, Retention.UntilDeleted, Erasure = ErasureRule.Delete)]
    internal sealed record RootlessFind([property: Key] long Id = 0, [property: Owner(FoundBy = typeof(Root))] SubjectRef Owner = default);

    [Record("plants.found", DataCategory.Usage, Retention.WithParent, Erasure = ErasureRule.Delete)]
    internal sealed record Found(
        [property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key] long Id = 0, [property: Owner(FoundBy = typeof(Child))] SubjectRef Owner = default);

    [Record("plants.passing", DataCategory.Usage, Retention.WithParent, Erasure = ErasureRule.Delete)]
    internal sealed record Passing([property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key, Owner] SubjectRef Person = default);

    [Record("plants.foundByPassing", DataCategory.Usage, Retention.WithParent, Erasure = ErasureRule.Delete)]
    internal sealed record FoundByPassing(
        [property: Key, Parent<Root>] Ref<Root> Root = default, [property: Key] long Id = 0, [property: Owner(FoundBy = typeof(Passing))] SubjectRef Owner = default);

    [Fact]
    public void What_says_where_an_owners_records_lie_stays_when_it_has_ended() =>
        Assert.Contains(
            FaultsOf(catalogue => catalogue.Add<Root>(Plants.Json).Add<Passing>(Plants.Json).Add<FoundByPassing>(Plants.Json)),
            fault => fault.Contains("must therefore stay as long as their parent", StringComparison.Ordinal));

    [Fact]
    public void An_owner_is_found_through_a_kind_with_the_same_parent_and_a_person()
    {
        Refuses<RootlessFind>("but it has no [Parent]");
        Refuses<Found>("its owner is found by Child, which is not in the catalogue");
        Assert.Contains(
            FaultsOf(catalogue => catalogue.Add<Root>(Plants.Json).Add<Child>(Plants.Json).Add<Found>(Plants.Json)),
            fault => fault.Contains("which needs the same parent and an indexed person", StringComparison.Ordinal));
    }

    [Record("plants.twice", DataCategory.Usage, Retention.UntilDeleted, Erasure = ErasureRule.Delete)]
    internal sealed record Twice([property: Key] long Id = 0, [property: Owner] SubjectRef One = default, [property: Owner] SubjectRef Two = default);

    [Fact]
    public void Two_owners_are_refused() => Refuses<Twice>("Two is the second [Owner]");

    [Record("plants.misindexed", DataCategory.Usage, Retention.UntilDeleted)]
    [Index("by what is sealed", "Hidden")]
    internal sealed record Misindexed([property: Key] long Id = 0, string Hidden = "");

    [Fact]
    public void An_index_on_what_is_sealed_is_refused() => Refuses<Misindexed>("names Hidden, which is not a column");

    [Record("plants.unmarkedFile", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record UnmarkedFile([property: Key] long Id = 0, BlobRef? File = null);

    [Record("plants.fileOfAnotherType", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record FileOfAnotherType([property: Key] long Id = 0, [property: Blob] Guid File = default);

    [Record("plants.fileThatMustBe", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record FileThatMustBe([property: Key] long Id = 0, BlobRef File = default);

    [Record("plants.fileAsKey", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record FileAsKey([property: Key, Blob] BlobRef? Id = null);

    [Record("plants.twoFiles", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record TwoFiles([property: Key] long Id = 0, [property: Blob] BlobRef? One = null, [property: Blob] BlobRef? Two = null);

    [Fact]
    public void A_file_is_a_column_of_its_own_that_may_be_empty()
    {
        Refuses<UnmarkedFile>("File is a file, so it is [Blob]");
        Refuses<FileOfAnotherType>("File must be both: [Blob], and a BlobRef that may be empty");
        Refuses<FileThatMustBe>("File is a file, which may be empty: BlobRef?");
        Refuses<FileAsKey>("Id names a file and is nothing else");
        Refuses<TwoFiles>("Two is the second [Blob]");
    }

    [Record("plants.sameTable", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record SameTable([property: Key] long Id = 0);

    [Record("plants.sametable", DataCategory.Usage, Retention.UntilDeleted)]
    internal sealed record SameTableToo([property: Key] long Id = 0);

    [Fact]
    public void Two_kinds_of_one_table_are_refused() =>
        Assert.Contains(FaultsOf(catalogue => catalogue.Add<SameTable>(Plants.Json).Add<SameTableToo>(Plants.Json)), fault => fault.Contains("would share the table plants_sametable", StringComparison.Ordinal));

    [Fact]
    public void Every_fault_is_told_at_once()
    {
        var faults = FaultsOf(catalogue => catalogue.Add<Undeclared>(Plants.Json).Add<Keyless>(Plants.Json).Add<Unholdable>(Plants.Json).Add<Ruleless>(Plants.Json).Add<Dateless>(Plants.Json));
        Assert.Equal(5, faults.Count);
        var message = new CatalogueException(faults).Message;
        Assert.All(faults, fault => Assert.Contains(fault, message, StringComparison.Ordinal));
    }

    [Fact]
    public void A_closed_catalogue_takes_nothing_more()
    {
        var catalogue = new Catalogue().Add<Root>(Plants.Json).Close();
        Assert.Throws<InvalidOperationException>(() => catalogue.Add<Child>(Plants.Json));
        Assert.Throws<InvalidOperationException>(() => catalogue.Of<Child>());
    }

    internal sealed record Undeclared(long Id);

    [Record("plants.errors", DataCategory.ErrorReport, Retention.FixedAge, AgeDays = 91)]
    internal sealed record LongErrors([property: Key] long Id = 0, [property: Clock] DateTimeOffset At = default);

    [Record("plants.errors", DataCategory.ErrorReport, Retention.FixedAge, AgeDays = 30)]
    [KeptBetween(4, 91)]
    internal sealed record StretchedErrors([property: Key] long Id = 0, [property: Clock] DateTimeOffset At = default);

    [Record("plants.errors", DataCategory.ErrorReport, Retention.FixedAge, AgeDays = 90)]
    [KeptBetween(4, 90)]
    internal sealed record Errors([property: Key] long Id = 0, [property: Clock] DateTimeOffset At = default);

    [Fact]
    public void What_says_what_went_wrong_is_kept_for_ninety_days_at_most()
    {
        const string Fault = "kept for 90 days at most";
        Refuses<LongErrors>(Fault);
        Refuses<StretchedErrors>(Fault);
        Assert.Single(new Catalogue().Add<Errors>(Plants.Json).Close().Kinds);
    }
}
