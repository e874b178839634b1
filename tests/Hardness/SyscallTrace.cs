using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Domicile.Tests.Hardness;

/// <summary>
/// Judges a trace of system calls: whether anything was told over a socket while the write-ahead log held bytes that no finished flush had covered.
/// </summary>
internal sealed partial class SyscallTrace
{
    /// <summary>What is traced: every way to write a file, to flush one, and to speak over a socket.</summary>
    public const string Calls = "trace=pwrite64,pwritev,write,writev,fdatasync,fsync,sync_file_range,sendto,sendmsg,sendmmsg";

    private readonly Dictionary<string, Started> _started = [];
    private readonly string _log;
    private bool _isDirty;
    private int _unflushedWrites;

    private SyscallTrace(string log)
    {
        _log = log;
    }

    /// <summary>Writes to the log.</summary>
    public int Writes { get; private set; }

    /// <summary>Flushes of the log that ended well.</summary>
    public int Flushes { get; private set; }

    /// <summary>Times that something was said over a socket after the log had been written and flushed since the last time.</summary>
    public int Answers { get; private set; }

    /// <summary>Times that something was said over a socket while the log was not flushed; empty when all is well.</summary>
    public List<string> Faults { get; } = [];

    /// <summary>Reads a trace that <c>strace -f -y</c> wrote.</summary>
    /// <param name="lines">Its lines.</param>
    /// <param name="log">The path of the write-ahead log.</param>
    public static SyscallTrace Read(IEnumerable<string> lines, string log)
    {
        var trace = new SyscallTrace(log);
        foreach (var line in lines)
        {
            trace.Read(line);
        }

        return trace;
    }

    /// <summary>Attaches strace to a running process, has something done, and detaches.</summary>
    public static async Task<IReadOnlyList<string>> Of(int process, string file, Func<Task> act)
    {
        // -f: all threads, those to come too; -y: files and sockets by name; -s: no content, only lengths.
        var start = new ProcessStartInfo("strace", ["-f", "-y", "-s", "0", "-e", Calls, "-o", file, "-p", process.ToString(CultureInfo.InvariantCulture)])
        {
            RedirectStandardError = true,
        };
        using var strace = Process.Start(start)!;
        var attached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        strace.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is null)
            {
                attached.TrySetException(new InvalidOperationException("strace ended before it was attached."));
            }
            else if (line.Data.Contains("attached", StringComparison.Ordinal))
            {
                attached.TrySetResult();
            }
        };
        strace.BeginErrorReadLine();
        await attached.Task;
        try
        {
            await act();
        }
        finally
        {
            // A traced process that strace left by SIGINT goes on as if nothing had been.
            using var interrupt = Process.Start("kill", ["-INT", strace.Id.ToString(CultureInfo.InvariantCulture)]);
            await interrupt.WaitForExitAsync();
            await strace.WaitForExitAsync();
        }

        return await File.ReadAllLinesAsync(file);
    }

    // 123  fdatasync(57</data/europe/data.db-wal>) = 0
    // 123  fdatasync(57</data/europe/data.db-wal> <unfinished ...>
    // 123  <... fdatasync resumed>) = 0
    [GeneratedRegex(@"^(?<thread>\d+)\s+(?:(?<call>\w+)\((?<fd>\d+)<(?<file>[^>]*)>(?:.*= (?<result>-?\d+)|.*(?<open><unfinished \.\.\.>$))?|<\.\.\. (?<resumed>\w+) resumed>.*= (?<late>-?\d+))")]
    private static partial Regex Line();

    private void Read(string text)
    {
        var line = Line().Match(text);
        if (!line.Success)
        {
            return;
        }

        var thread = line.Groups["thread"].Value;
        if (line.Groups["resumed"].Success)
        {
            if (_started.Remove(thread, out var started))
            {
                End(started, line.Groups["late"].Value);
            }

            return;
        }

        var call = new Started(line.Groups["call"].Value, line.Groups["file"].Value, _unflushedWrites);
        Begin(call, text);
        if (line.Groups["open"].Success)
        {
            _started[thread] = call;
        }
        else
        {
            End(call, line.Groups["result"].Value);
        }
    }

    private void Begin(Started call, string text)
    {
        if (call.File == _log && call.Name is "pwrite64" or "pwritev" or "write" or "writev")
        {
            Writes++;
            _unflushedWrites++;
            _isDirty = true;
        }
        else if (IsSocket(call.File))
        {
            if (_unflushedWrites > 0)
            {
                Faults.Add(text);
            }
            else if (_isDirty)
            {
                Answers++;
                _isDirty = false;
            }
        }
    }

    private void End(Started call, string result)
    {
        // It covers what had been written when it began, not what came while it was under way.
        if (call.Name is "fdatasync" or "fsync" && call.File == _log && result == "0")
        {
            Flushes++;
            _unflushedWrites -= Math.Min(call.Written, _unflushedWrites);
        }
    }

    private static bool IsSocket(string file) =>
        file.StartsWith("socket:", StringComparison.Ordinal) || file.StartsWith("TCP", StringComparison.Ordinal) || file.StartsWith("UNIX", StringComparison.Ordinal);

    private sealed record Started(string Name, string File, int Written);
}
