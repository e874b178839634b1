using System.Text.Json;
using System.Text.Json.Serialization;
using Domicile.Residency;

namespace Domicile.Cli.Transfer;

/// <summary>
/// What a run has done, in a directory that only its owner can read: which users are in, and what became of each thread. A run that was interrupted goes on from here; one
/// that follows a finished one looks at everything again and brings what is new. It has ids and digests, no content.
/// </summary>
internal sealed class RunState : IDisposable
{
    private readonly string directory;
    private readonly FileStream held;
    private readonly Lock gate = new();
    private readonly HashSet<string> users = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ThreadResult> threads = new(StringComparer.Ordinal);
    private FileStream? userLines;
    private FileStream? threadLines;

    private RunState(string directory, FileStream held) => (this.directory, this.held) = (directory, held);

    /// <summary>What became of each thread so far.</summary>
    public IReadOnlyCollection<ThreadResult> Threads
    {
        get
        {
            lock (gate)
            {
                return [.. threads.Values];
            }
        }
    }

    /// <summary>Whether an interrupted run goes on.</summary>
    public bool Continues { get; private set; }

    private string HeadFile => Path.Combine(directory, "run.json");

    private string UsersFile => Path.Combine(directory, "users.txt");

    private string ThreadsFile => Path.Combine(directory, "threads.jsonl");

    /// <summary>Opens the state of a run between these two, or begins one.</summary>
    /// <exception cref="CommandFailure">The directory cannot be used, another run uses it, or it is of another source or resource.</exception>
    public static RunState Open(string directory, string source, string resource)
    {
        try
        {
            SecretFile.CreateDirectory(directory);
            var held = SecretFile.Open(Path.Combine(directory, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            var state = new RunState(directory, held);
            try
            {
                state.Read(new RunHead(source, resource, IsFinished: false));
                return state;
            }
            catch
            {
                state.Dispose();
                throw;
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure($"The directory {directory} cannot be used for the state of the run: {failure.Message} If another run uses it, wait for its end.");
        }
    }

    /// <summary>Whether a user is in already. Who was brought in once and is not there any more was erased there, and is not brought in again.</summary>
    public bool Has(string user)
    {
        lock (gate)
        {
            return users.Contains(user);
        }
    }

    /// <summary>Whether a thread is done in this run.</summary>
    public bool IsDone(string thread)
    {
        lock (gate)
        {
            return threads.TryGetValue(thread, out var result) && result.Failure is null;
        }
    }

    /// <summary>Users are in.</summary>
    public void Add(IEnumerable<string> ids)
    {
        lock (gate)
        {
            foreach (var id in ids.Where(users.Add))
            {
                userLines!.Write(System.Text.Encoding.UTF8.GetBytes(id + "\n"));
            }

            userLines!.Flush(flushToDisk: true);
        }
    }

    /// <summary>A thread is done.</summary>
    public void Add(ThreadResult result)
    {
        lock (gate)
        {
            threads[result.Id] = result;
            threadLines!.Write(JsonSerializer.SerializeToUtf8Bytes(result, RunJson.Default.ThreadResult));
            threadLines.Write("\n"u8);
            threadLines.Flush(flushToDisk: true);
        }
    }

    /// <summary>The run is over: the next one begins anew.</summary>
    public void Finish(string source, string resource) =>
        SecretFile.Write(HeadFile, JsonSerializer.SerializeToUtf8Bytes(new RunHead(source, resource, IsFinished: true), RunJson.Default.RunHead));

    /// <inheritdoc/>
    public void Dispose()
    {
        userLines?.Dispose();
        threadLines?.Dispose();
        held.Dispose();
    }

    private void Read(RunHead head)
    {
        var known = File.Exists(HeadFile) ? Parse(File.ReadAllBytes(HeadFile), RunJson.Default.RunHead) ?? throw new CommandFailure($"{HeadFile} is damaged. Name another directory with --state.") : null;
        if (known is not null && (known.Source != head.Source || known.Resource != head.Resource))
        {
            throw new CommandFailure($"The directory {directory} has the state of another run: from {known.Source} into {known.Resource}. Name another one with --state.");
        }

        if (File.Exists(UsersFile))
        {
            // The last line may be half a line of a run that was killed; it is no user's id then, and harms nobody.
            users.UnionWith(File.ReadAllLines(UsersFile).Where(line => line.Length > 0));
        }

        Continues = known is { IsFinished: false };
        if (Continues && File.Exists(ThreadsFile))
        {
            foreach (var line in File.ReadLines(ThreadsFile))
            {
                if (Parse(System.Text.Encoding.UTF8.GetBytes(line), RunJson.Default.ThreadResult) is { } result)
                {
                    threads[result.Id] = result;
                }
            }
        }

        SecretFile.Write(HeadFile, JsonSerializer.SerializeToUtf8Bytes(head, RunJson.Default.RunHead));
        userLines = SecretFile.Open(UsersFile, FileMode.Append, FileAccess.Write, FileShare.Read);
        userLines.Write("\n"u8);
        threadLines = SecretFile.Open(ThreadsFile, Continues ? FileMode.Append : FileMode.Create, FileAccess.Write, FileShare.Read);
        threadLines.Write("\n"u8);
    }

    private static T? Parse<T>(byte[] text, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return text.Length == 0 ? null : JsonSerializer.Deserialize(text, type);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>Between what a run is.</summary>
internal sealed record RunHead(string Source, string Resource, bool IsFinished);

/// <summary>What became of a thread.</summary>
internal sealed record ThreadResult(string Id)
{
    /// <summary>The thread at the source; null when it could not be read.</summary>
    public ThreadManifest? Source { get; init; }

    /// <summary>Why it was not read or written.</summary>
    public string? Failure { get; init; }

    /// <summary>Messages that are new here.</summary>
    public int Written { get; init; }

    /// <summary>Messages that were changed here.</summary>
    public int Changed { get; init; }

    /// <summary>What could not be read at the source.</summary>
    public IReadOnlyList<string> Unreadable { get; init; } = [];

    /// <summary>What was not written here.</summary>
    public IReadOnlyList<string> Refused { get; init; } = [];

    /// <summary>Messages whose HTML was made harmless.</summary>
    public IReadOnlyList<string> Cleaned { get; init; } = [];

    /// <summary>Authors and participants that are no users of the resource.</summary>
    public IReadOnlyDictionary<string, int> Unmapped { get; init; } = new Dictionary<string, int>();

    /// <summary>Where attachments lie.</summary>
    public IReadOnlyList<string> Attachments { get; init; } = [];
}

/// <summary>How the state and the report are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(RunHead))]
[JsonSerializable(typeof(ThreadResult))]
[JsonSerializable(typeof(Report))]
internal sealed partial class RunJson : JsonSerializerContext;
