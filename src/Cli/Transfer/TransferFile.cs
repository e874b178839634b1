using System.Text;
using System.Text.Json;
using Domicile.Modules.Transfer;
using Domicile.Residency;

namespace Domicile.Cli.Transfer;

/// <summary>A transfer file (<c>docs/transfer.schema.json</c>): JSON lines; a head, the users, each thread with its messages after it, and an end that says how much there was.</summary>
internal sealed class TransferFile : ITransferSource
{
    /// <summary>The version of the format that is read and written.</summary>
    public const int Format = 1;

    private const int LineCharactersMax = 32 * 1024 * 1024;
    private readonly string path;
    private readonly TransferLimitsOfRun limits;

    private TransferFile(string path, TransferHead head, TransferEnd end, TransferLimitsOfRun limits)
    {
        (this.path, Head, End, this.limits) = (path, head, end, limits);
    }

    /// <summary>What it is of.</summary>
    public TransferHead Head { get; }

    /// <summary>How much it has.</summary>
    public TransferEnd End { get; }

    /// <inheritdoc/>
    public string Kind => Head.Source;

    /// <inheritdoc/>
    public Guid Resource => Head.Resource;

    /// <inheritdoc/>
    public IReadOnlyList<string> Notes => [];

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>> PhoneNumbers(CancellationToken cancel) => Task.FromResult<IReadOnlyList<string>>([]);

    /// <inheritdoc/>
    public int? ThreadCount => (int)Math.Min(int.MaxValue, End.Threads);

    /// <summary>Reads the whole file once, so that nothing is written of one that is damaged or cut off.</summary>
    /// <exception cref="CommandFailure">It is; the message says in which line.</exception>
    public static async Task<TransferFile> Open(string path, TransferLimitsOfRun limits, CancellationToken cancel)
    {
        TransferHead? head = null;
        TransferEnd? end = null;
        var (users, threads, messages, number) = (0L, 0L, 0L, 0L);
        await foreach (var line in Lines(path, cancel))
        {
            number++;
            if (end is not null)
            {
                throw Damaged(path, number, "it comes after the end");
            }

            switch (line)
            {
                case { Head: { } first }:
                    head = head is null && number == 1 ? first : throw Damaged(path, number, "the head is the first line");
                    break;
                case { User: not null }:
                    users += threads == 0 ? 1 : throw Damaged(path, number, "users come before threads");
                    break;
                case { Thread: not null }:
                    threads++;
                    break;
                case { Message: not null }:
                    messages += threads > 0 ? 1 : throw Damaged(path, number, "a message comes after its thread");
                    break;
                default:
                    end = line.End;
                    break;
            }

            if (head is null)
            {
                throw Damaged(path, number, "the first line is the head");
            }
        }

        if (head?.Format != Format)
        {
            throw new CommandFailure(head is null ? $"{path} is empty." : $"{path} has the format {head.Format}; this program reads {Format}.");
        }

        return end == new TransferEnd(users, threads, messages)
            ? new TransferFile(path, head, end, limits)
            : throw new CommandFailure(end is null ? $"{path} was cut off: its last line is not the end." : $"{path} does not have what its last line says: lines are missing.");
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<TransferUser> Users([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var line in Lines(path, cancel))
        {
            if (line.User is { } user)
            {
                yield return user;
            }
            else if (line.Thread is not null)
            {
                yield break;
            }
        }
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<SourceThread> Threads([System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        TransferThread? thread = null;
        var messages = new List<TransferMessage>();
        await foreach (var line in Lines(path, cancel))
        {
            if (line.Message is { } message)
            {
                messages.Add(message);
                if (messages.Count > limits.MessagesInThread)
                {
                    throw new CommandFailure($"A thread in {path} has more than {limits.MessagesInThread} messages, which is what is held in memory at once: --largest-thread N raises it.");
                }
            }
            else
            {
                if (thread is not null)
                {
                    yield return Whole(thread, messages);
                }

                (thread, messages) = (line.Thread, []);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // Nothing is held open.
    }

    private static SourceThread Whole(TransferThread thread, List<TransferMessage> messages) => new(thread.Id, _ => Task.FromResult(new ReadThread(thread, messages)));

    private static async IAsyncEnumerable<TransferLine> Lines(string path, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        using var reader = Reader(path);
        for (var number = 1L; await reader.ReadLineAsync(cancel) is { } text; number++)
        {
            yield return text.Length <= LineCharactersMax ? Parse(path, number, text) : throw Damaged(path, number, "it is too long");
        }
    }

    private static StreamReader Reader(string path)
    {
        try
        {
            return new StreamReader(path, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure($"{path} cannot be read: {failure.Message}");
        }
    }

    private static TransferLine Parse(string path, long number, string text)
    {
        try
        {
            var line = JsonSerializer.Deserialize(text, TransferJson.Default.TransferLine);
            object?[] members = [line?.Head, line?.User, line?.Thread, line?.Message, line?.End];
            return members.Count(member => member is not null) == 1 ? line! : throw Damaged(path, number, "it is none of head, user, thread, message and end");
        }
        catch (JsonException)
        {
            throw Damaged(path, number, "it is not JSON of the form in docs/transfer.schema.json");
        }
    }

    private static CommandFailure Damaged(string path, long number, string how) => new($"Line {number} of {path} cannot be read: {how}.");
}

/// <summary>Writes a transfer file: under another name until it is whole, and readable by its owner alone.</summary>
internal sealed class TransferFileWriter : IAsyncDisposable
{
    private readonly string path;
    private readonly FileStream file;
    private long users;
    private long threads;
    private long messages;

    /// <summary>Begins a file.</summary>
    /// <exception cref="CommandFailure">It is there already, or cannot be made.</exception>
    public TransferFileWriter(string path)
    {
        this.path = path;
        if (File.Exists(path))
        {
            throw new CommandFailure($"{path} is there already. Name another file, or remove it.");
        }

        try
        {
            file = SecretFile.Open(Part, FileMode.Create, FileAccess.Write, FileShare.None);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new CommandFailure($"{Part} cannot be written: {failure.Message}");
        }
    }

    private string Part => path + ".part";

    /// <summary>Writes a line.</summary>
    public async Task Write(TransferLine line, CancellationToken cancel)
    {
        users += line.User is null ? 0 : 1;
        threads += line.Thread is null ? 0 : 1;
        messages += line.Message is null ? 0 : 1;
        await file.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(line, TransferJson.Lines.TransferLine), cancel);
        await file.WriteAsync("\n"u8.ToArray(), cancel);
    }

    /// <summary>Ends the file, durably, and gives it its name.</summary>
    public async Task<TransferEnd> Complete(CancellationToken cancel)
    {
        var end = new TransferEnd(users, threads, messages);
        await Write(new TransferLine { End = end }, cancel);
        file.Flush(flushToDisk: true);
        await file.DisposeAsync();
        File.Move(Part, path);
        SecretFile.FlushDirectoryOf(path);
        return end;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => file.DisposeAsync();
}
