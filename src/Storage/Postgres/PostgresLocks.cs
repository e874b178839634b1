namespace Domicile.Storage.Postgres;

/// <summary>The advisory locks of a database, by their first number: none of them collides with another program's by accident.</summary>
internal static class PostgresLocks
{
    /// <summary>Held while the schema is brought up to date: nodes that start at once take turns.</summary>
    public const long Schema = 0x646f_6d69_6369_6c65;

    /// <summary>Held while a node looks whether the geography has a root key, and makes it when it has none.</summary>
    public const long RootKey = 0x646f_6d69_6b65_7973;

    /// <summary>Shared by whoever takes something away, held alone by whoever places a hold: that nothing is held cannot be locked, so it is said with this.</summary>
    public const long Holds = 0x646f_6d69_686f_6c64;

    /// <summary>With a kind's number: whether rows of it may come that were not there.</summary>
    public const int Kind = 0x646f_6d69;
}
