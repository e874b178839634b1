namespace Domicile.Modules.Events;

/// <summary>Every bound of the module, in one table.</summary>
internal static class EventLimits
{
    /// <summary>Subscriptions of one resource.</summary>
    public const int SubscriptionsPerResource = 100;

    /// <summary>Types that one subscription names.</summary>
    public const int TypesPerSubscription = 100;

    /// <summary>Characters of a subject filter.</summary>
    public const int FilterMax = 1_024;

    /// <summary>Headers of one subscription (Event Grid: ten).</summary>
    public const int HeadersMax = 10;

    /// <summary>Bytes of the name and value of a header.</summary>
    public const int HeaderBytesMax = 4_096;

    /// <summary>Records that wait for one subscription; what comes beyond is dropped, and counted.</summary>
    public const int WaitingMax = 100_000;

    /// <summary>Dead letters of one subscription; what comes beyond is dropped, and counted.</summary>
    public const int DeadLettersMax = 20_000;

    /// <summary>Events that one waiting record tells.</summary>
    public const int PartsMax = 250;

    /// <summary>Bytes of the data that a module publishes.</summary>
    public const int DataMax = 64 * 1024;

    /// <summary>Events of one target that are told from memory; beyond that they are written down.</summary>
    public const int InMemoryPerTarget = 256;

    /// <summary>Bytes that these take, about.</summary>
    public const int BytesInMemoryPerTarget = 8 * 1024 * 1024;

    /// <summary>Events of one target that are about to be written down; the reader of the feed waits for the store then.</summary>
    public const int MovingMax = 2_000;

    /// <summary>Entries of the feed that were read and are not all done with; the reader waits then.</summary>
    public const int EntriesInFlight = 100_000;

    /// <summary>Entries of the feed that Chat is asked about at once.</summary>
    public const int EntriesAtOnce = 64;

    /// <summary>Requests to one target that are under way at once.</summary>
    public const int AtOnce = 16;

    /// <summary>Waiting records of one thread that are kept in memory.</summary>
    public const int LoadedPerLane = 32;

    /// <summary>Waiting records of one target that are kept in memory.</summary>
    public const int LoadedPerTarget = 2_000;

    /// <summary>Delivered records of which the store was not told yet.</summary>
    public const int UnsettledMax = 2_000;

    /// <summary>Records in one batch.</summary>
    public const int Piece = 200;

    /// <summary>Signals that are told to one target at once.</summary>
    public const int PassingAtOnce = 4;

    /// <summary>How long something is in memory without being told before it is written down.</summary>
    public static readonly TimeSpan InMemoryFor = TimeSpan.FromSeconds(1);

    /// <summary>How long the reader of the feed waits, at most, for a target that has as much in memory as it may. One that makes no room is behind, and not waited for again.</summary>
    public static readonly TimeSpan RoomWithin = TimeSpan.FromMilliseconds(250);

    /// <summary>How long a target may take for one delivery (Event Grid: 30 s).</summary>
    public static readonly TimeSpan AnswerWithin = TimeSpan.FromSeconds(30);

    /// <summary>How long a target may consent by a call of its own (Event Grid: 10 minutes).</summary>
    public static readonly TimeSpan ConsentWithin = TimeSpan.FromMinutes(10);
}
