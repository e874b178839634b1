using Domicile.Residency;
using Domicile.Storage.Engine;

namespace Domicile.Storage.Verification;

/// <summary>
/// What the seal of an appended row cannot show, because the store gives the place after the sealing: that no row stands below its parent twice, and that the sequence
/// rises with the arrival. Rows come in the order of parent and arrival; of one parent the first hundred thousand identities are compared.
/// </summary>
internal sealed class Neighbours(RecordKind kind)
{
    private const int IdentitiesMax = 100_000;
    private readonly int _identity = kind.Columns.TakeWhile(column => !column.Role.HasFlag(ColumnRole.Identity)).Count();
    private readonly HashSet<ColumnValue> _identities = [];
    private long? _parent;
    private long _sequence;

    /// <summary>What is wrong with a row among those before it, or null.</summary>
    public string? FaultOf(ScannedRow scanned)
    {
        if (kind.Layout != Layout.Append)
        {
            return null;
        }

        var values = scanned.Row.Values;
        if (_parent != values[kind.ParentColumn].Number)
        {
            (_parent, _sequence) = (values[kind.ParentColumn].Number, 0);
            _identities.Clear();
        }

        var before = _sequence;
        _sequence = values[kind.SequenceColumn].Number;
        return _identities.Count < IdentitiesMax && !_identities.Add(values[_identity]) ? "stands below its parent twice"
            : _sequence <= before ? "has a place in the sequence that is not after the one before it"
            : null;
    }
}
