using Domicile.Modules.Administration;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Domicile.Tests.Architecture;

/// <summary>What is declared is everything that there is, and each declaration says what it must.</summary>
public sealed class DeclarationTests
{
    private static readonly Type[] Types =
    [
        .. typeof(Catalogue).Assembly.GetTypes(), .. typeof(Home).Assembly.GetTypes(), .. typeof(Call).Assembly.GetTypes(), .. typeof(Node).Assembly.GetTypes(),
    ];

    // Texts and bytes that are readable at rest. None can hold a name, a number or an address of a person.
    private static readonly HashSet<string> ReviewedPlainText =
    [
        "administration.resource.Name",       // the operator's name for a resource; part of a host name
        "administration.resource.Authority",  // that host name
        "audit.entry.Commitment",             // a salted hash
        "audit.group.Leaves",                 // hashes of what was sealed
        "audit.witnessed.Origin",             // a geography and random digits
        "events.subscription.Name",           // the owner's name for a subscription: letters, digits and hyphens
        "chat.thread.PublicId",               // random
        "logs.alert.Name",                    // the operator's name for a rule: letters, digits, hyphens, dots
        "logs.authOperation.Operation",       // the name of an operation, which code names
        "logs.chatOperation.Operation",       // the same
        "logs.setting.Name",                  // the operator's name for a setting
        "logs.usage.Operation",               // the name of an operation, which code names
        "storage.hold.Covers",                // one of two words, or the name of a kind of record
        "storage.defaultRule.Kind",           // the name of a kind of record
        "storage.ending.Event",               // the name of an event, which code names
        "storage.restriction.Below",          // a word, or the name of a kind of record
        "storage.rootRetention.Kind",         // the name of a kind of record
        "storage.retention.Kind",             // the name of a kind of record
    ];

    [Fact]
    public void Every_module_is_in_the_list() => Assert.Empty(Fences.OfModuleList(Types, ProductModules.All));

    [Fact]
    public void A_module_that_is_not_in_the_list_is_found() => Assert.Single(Fences.OfModuleList([typeof(ForgottenModule), typeof(IModule), typeof(string)], ProductModules.All));

    [Fact]
    public void Every_record_is_in_the_catalogue() => Assert.Empty(Fences.OfRecords(Types, ProductModules.Catalogue().Kinds.Select(kind => kind.ClrType)));

    [Fact]
    public void A_record_that_is_not_in_the_catalogue_is_found() => Assert.Single(Fences.OfRecords([typeof(ForgottenRecord)], ProductModules.Catalogue().Kinds.Select(kind => kind.ClrType)));

    [Fact]
    public void Every_kind_says_what_erasure_does_and_when_it_ends() => Assert.Empty(Fences.OfKinds(ProductModules.Catalogue().Kinds.Select(KindFact.Of)));

    [Fact]
    public void A_kind_that_leaves_something_open_is_found()
    {
        var person = new MemberFact("Who", IsPerson: true, IsColumn: true, IsMarkedPlain: false, IsText: false);
        var good = new KindFact("test.good", ErasureRule.Delete, Ends: true, [person]);
        Assert.Empty(Fences.OfKinds([good]));
        Assert.Single(Fences.OfKinds([good with { Erasure = ErasureRule.None }]));
        Assert.Single(Fences.OfKinds([good with { Ends = false }]));
        Assert.Single(Fences.OfKinds([good with { Members = [person with { IsMarkedPlain = true }] }]));
        var marked = MemberFact.Of(typeof(ForgottenRecord).GetProperty(nameof(ForgottenRecord.Friends))!, isColumn: false);
        Assert.Single(Fences.OfKinds([good with { Members = [marked] }]));
    }

    [Fact]
    public void Every_plain_text_was_looked_at() => Assert.Empty(Fences.OfPlainText(ProductModules.Catalogue().Kinds.Select(KindFact.Of), ReviewedPlainText));

    [Fact]
    public void The_list_of_reviewed_texts_holds_nothing_that_is_gone() =>
        Assert.Empty(ReviewedPlainText.Except(ProductModules.Catalogue().Kinds.SelectMany(kind => kind.Columns.Select(column => $"{kind.Name}.{column.Member}"))));

    [Fact]
    public void A_plain_text_that_nobody_looked_at_is_found()
    {
        var text = new MemberFact("DisplayName", IsPerson: false, IsColumn: true, IsMarkedPlain: true, IsText: true);
        Assert.Single(Fences.OfPlainText([new KindFact("test.person", ErasureRule.None, Ends: true, [text])], ReviewedPlainText));
        Assert.Empty(Fences.OfPlainText([new KindFact("test.person", ErasureRule.None, Ends: true, [text with { IsColumn = false }])], ReviewedPlainText));
    }

    [Fact]
    public async Task Every_operation_has_a_name_an_access_and_a_place_of_its_own()
    {
        var operations = await Operations();
        Assert.True(operations.Count > 20);
        Assert.Empty(Fences.OfOperations(operations));
    }

    [Fact]
    public void An_operation_that_leaves_something_open_is_found()
    {
        OperationHandler nothing = (_, _) => new(Reply.Empty(204));
        var good = new Operation("GET", "/things", "Things_List", Access.Open, nothing);
        Assert.Empty(Fences.OfOperations([good]));
        Assert.Single(Fences.OfOperations([good with { Name = "" }]));
        Assert.Single(Fences.OfOperations([good with { Name = "list things" }]));
        Assert.Single(Fences.OfOperations([good, good with { Path = "/others" }]));
        Assert.Single(Fences.OfOperations([good, good with { Name = "Things_Other" }]));
        Assert.Single(Fences.OfOperations([good with { Access = Access.Application }]));
    }

    private static async Task<List<Operation>> Operations()
    {
        var services = new ServiceCollection()
            .AddSingleton(TimeProvider.System)
            .AddSingleton<IResourceOrigins>(new NoOrigins())
            .AddSingleton(new AdministratorCredential("administrator", "secret"))
            .AddSingleton(new AdministrationMode(true));
        foreach (var module in ProductModules.All)
        {
            module.AddServices(services);
        }

        await using var provider = services.BuildServiceProvider();
        return [.. ProductModules.All.SelectMany(module => module.Operations(provider)), .. HealthOperations.All(new Readiness(TimeProvider.System))];
    }

    private sealed class NoOrigins : IResourceOrigins
    {
        public (string? Authority, Problem? Problem) Assign(Geography geography, string name) => ("localhost:1", null);

        public void Close(string authority)
        {
        }
    }

    private sealed class ForgottenModule : IModule
    {
        public void Describe(Catalogue catalogue)
        {
        }

        public void AddServices(IServiceCollection services)
        {
        }

        public IEnumerable<Operation> Operations(IServiceProvider services) => [];
    }

    [Record("test.forgotten", DataCategory.Content, Retention.UntilDeleted)]
    private sealed record ForgottenRecord
    {
        [Plain("nobody looked")]
        public IReadOnlyList<SubjectRef> Friends { get; init; } = [];
    }
}
