namespace Domicile.Modules.Logs.Query;

/// <summary>A cell's place in the rows that flow between two steps of a query.</summary>
/// <param name="type">What the cells are.</param>
internal sealed class Slot(LogType type)
{
    /// <summary>What the cells are.</summary>
    public LogType Type { get; } = type;

    /// <summary>The place; -1 until the layout is settled, and for what nobody uses.</summary>
    public int Index { get; set; } = -1;

    /// <summary>Whether anything uses it, so that it has to be read.</summary>
    public bool IsUsed { get; set; }

    /// <summary>The protected columns that its cells come from, unopened; empty for all other cells.</summary>
    public IReadOnlyList<SourceColumn> Origins { get; init; } = [];

    /// <summary>How the cells are protected: all by token, or some without.</summary>
    public LogProtection Protection =>
        Origins.Count == 0 ? LogProtection.None : Origins.All(origin => origin.Column.Protection == LogProtection.Person) ? LogProtection.Person : LogProtection.Sealed;
}

/// <summary>A protected column of a table that a query reads.</summary>
/// <param name="table">The table.</param>
/// <param name="column">The column.</param>
internal sealed class SourceColumn(LogTable table, LogColumn column)
{
    /// <summary>The table.</summary>
    public LogTable Table { get; } = table;

    /// <summary>The column.</summary>
    public LogColumn Column { get; } = column;

    /// <summary>Whether the query names it; what is shown without being named stays sealed.</summary>
    public bool IsNamed { get; set; }

    /// <summary>Where the query asks to be shown it; -1 when nowhere.</summary>
    public int ShownAt { get; set; } = -1;
}

/// <summary>A column as the next step of a query sees it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Slot">Where its cells are.</param>
internal sealed record Column(string Name, Slot Slot);
