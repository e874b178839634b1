using Domicile.Modules.Logs.Query;
using Domicile.Residency;

namespace Domicile.Modules.Logs;

/// <summary>A column of a table of operation logs, and how it is read from an entry.</summary>
/// <typeparam name="TEntry">The entry's type.</typeparam>
public sealed class LogField<TEntry>
{
    private LogField(LogColumn column, Func<TEntry, RowPeople, LogValue> read) => (Column, Read) = (column, read);

    internal LogColumn Column { get; }

    internal Func<TEntry, RowPeople, LogValue> Read { get; }

    internal bool IsOfPerson => Column.Protection == LogProtection.Person;

    /// <summary>A text about nobody.</summary>
    public static LogField<TEntry> Text(string name, Func<TEntry, string?> read) => new(new LogColumn(name, LogType.String), (entry, _) => LogValue.Of(read(entry)));

    /// <summary>A whole number of 64 bits, or of 32 where the contract says int.</summary>
    public static LogField<TEntry> Whole(string name, Func<TEntry, long?> read, bool isInt = false) =>
        new(new LogColumn(name, isInt ? LogType.Int : LogType.Long), (entry, _) => read(entry) is { } value ? LogValue.Of(value) : LogValue.Null);

    /// <summary>A real number.</summary>
    public static LogField<TEntry> Real(string name, Func<TEntry, double?> read) =>
        new(new LogColumn(name, LogType.Real), (entry, _) => read(entry) is { } value ? LogValue.Of(value) : LogValue.Null);

    /// <summary>An instant.</summary>
    public static LogField<TEntry> Instant(string name, Func<TEntry, DateTimeOffset?> read) =>
        new(new LogColumn(name, LogType.DateTime), (entry, _) => read(entry) is { } value ? LogValue.Of(value) : LogValue.Null);

    /// <summary>A list of texts about nobody.</summary>
    public static LogField<TEntry> Texts(string name, Func<TEntry, IReadOnlyList<string>?> read) =>
        new(new LogColumn(name, LogType.Dynamic), (entry, _) => read(entry) is { } texts ? LogValue.Of(LogDynamic.Array([.. texts.Select(text => LogDynamic.Of(LogType.String, LogValue.Of(text)))])) : LogValue.Null);

    /// <summary>The identifier of the person whom the entry is about.</summary>
    public static LogField<TEntry> Person(string name) => new(new LogColumn(name, LogType.String, LogProtection.Person), (_, people) => people.Of());

    /// <summary>What may tell who somebody is, such as a network address: sealed, and opened only for those who may.</summary>
    public static LogField<TEntry> Sealed(string name, Func<TEntry, string?> read) =>
        new(new LogColumn(name, LogType.String, LogProtection.Sealed), (entry, _) => read(entry) is { Length: > 0 } text ? LogValue.Of(new SealedCell(default, text)) : LogValue.Empty);
}

/// <summary>Finds the person of a row.</summary>
/// <param name="person">The handle; nobody when the row is about no one.</param>
/// <param name="isErased">Whether there was a person who is erased.</param>
/// <param name="cells">The cells of those whom a page is about; the erased are not among them.</param>
internal readonly struct RowPeople(SubjectRef person, bool isErased, IReadOnlyDictionary<SubjectRef, SealedCell> cells)
{
    public LogValue Of() =>
        person.IsNone && !isErased ? LogValue.Empty
        : cells.TryGetValue(person, out var cell) ? LogValue.Of(cell)
        : LogValue.Of(SealedCell.Erased);
}

/// <summary>A protected cell of a row that was read; its text stays with it until somebody who may asks for it.</summary>
internal sealed class SealedCell(LogToken token, string? hidden) : LogSealed(token)
{
    /// <summary>The cell of somebody who was erased: no token, no text.</summary>
    public static SealedCell Erased { get; } = new(default, null);

    /// <summary>Shows the text.</summary>
    public void Open() => Text = hidden;
}
