using System.Diagnostics.CodeAnalysis;

namespace Domicile.Modules.Events;

/// <summary>
/// What is told in order. As long as all goes well it is in memory only; once something of it is written down, everything is that comes behind, until nothing is left. Guarded by the
/// target's gate.
/// </summary>
internal sealed class EventLane(long key)
{
    private readonly Queue<Telling> _next = new();
    private Queue<long>? _moving;

    public long Key => key;

    /// <summary>Whether it is written down; else it is in memory only.</summary>
    public bool IsWritten { get; set; }

    /// <summary>The numbers of those that are about to be written down, in order. What lies behind the first of them is not read before it is.</summary>
    public Queue<long> Moving => _moving ??= new();

    /// <summary>Whether there are more in the store than are loaded.</summary>
    public bool HasMore { get; set; }

    /// <summary>The last number that was loaded or told.</summary>
    public long Through { get; set; } = long.MinValue;

    /// <summary>How many were written down since this was made: what is read meanwhile may not have seen them.</summary>
    public long Additions { get; set; }

    /// <summary>Whether it has its turn, or waits for one.</summary>
    public bool IsScheduled { get; set; }

    /// <summary>How many are at hand.</summary>
    public int Count => _next.Count;

    /// <summary>Whether nothing is left in it.</summary>
    public bool IsEmpty => _next.Count == 0 && _moving is not { Count: > 0 } && !HasMore;

    /// <summary>The next.</summary>
    public bool TryPeek([NotNullWhen(true)] out Telling? next) => _next.TryPeek(out next);

    /// <summary>One more is at hand.</summary>
    public void Add(Telling telling)
    {
        _next.Enqueue(telling);
        Through = Math.Max(Through, telling.Delivery.Number);
    }

    /// <summary>One is done with.</summary>
    /// <returns>Whether it was at hand.</returns>
    public bool Pass(Telling telling)
    {
        Through = Math.Max(Through, telling.Delivery.Number);
        if (_next.TryPeek(out var first) && first == telling)
        {
            _next.Dequeue();
            return true;
        }

        return false;
    }

    /// <summary>Lets go of everything at hand.</summary>
    public List<Telling> Empty()
    {
        List<Telling> let = [.. _next];
        if (let.Count > 0)
        {
            Through = let[0].Delivery.Number - 1;
            _next.Clear();
        }

        return let;
    }
}
