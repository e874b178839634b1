using Domicile.Residency;

namespace Domicile.Storage;

/// <summary>
/// That something ended with which records go: an organisation left, a number was released. Inserted by the module that knows of it, in the batch that ends it; the sweep then
/// deletes whatever names it, each kind so many days later as it says.
/// </summary>
[Record("storage.ending", DataCategory.Configuration, Retention.FixedAge, AgeDays = 400, Note = "Kept so long that what was written late goes as well.")]
public sealed record Ending
{
    /// <summary>The event, as kinds name it.</summary>
    [Key]
    public required string Event { get; init; }

    /// <summary>The key of what ended.</summary>
    [Key]
    public required long Target { get; init; }

    /// <summary>When it ended.</summary>
    [Clock]
    public required DateTimeOffset At { get; init; }
}
