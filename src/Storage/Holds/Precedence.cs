using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage;

/// <summary>
/// Which rule gives way to which, in one place: a hold stops everything, and what it keeps of a person who is erased is held back for it (<see cref="Restrictions"/>);
/// then what the law has us keep stays (<see cref="ErasureRule.KeepUntilExpiry"/>); then a person's erasure; then the shorter of the rules of retention. Every batch that would take a record away asks
/// here, in its own transaction, under the locks that keep a new hold from coming in between.
/// </summary>
internal static class Precedence
{
    /// <summary>Whether a write takes something away that a hold may cover: a record, or what a record of a history said. A hold's own release does not.</summary>
    public static bool TakesAway(Write write) =>
        (write.What == WriteKind.Delete || (write.What == WriteKind.Put && write.Kind.IsHistory)) && write.Kind.ClrType != typeof(Hold);

    /// <summary>Why a write is not carried out: a hold covers what it would take away.</summary>
    public static Problem? Refusal(Write write, long resource, IKnownRows rows) =>
        TakesAway(write) && rows.HoldOn(write.Kind, write.Key, resource) is { } hold ? StorageProblems.Held(hold) : null;

    /// <summary>Why a person's erasure does not begin: a hold covers them, or their whole resource.</summary>
    public static Problem? Refusal(SubjectRef erased, long resource, IKnownRows rows) =>
        !erased.IsNone && rows.HoldOnPerson(erased.Value, resource) is { } hold ? StorageProblems.Held(hold) : null;
}
