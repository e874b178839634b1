using System.Diagnostics;
using System.Runtime.InteropServices;
using Domicile.Tests.Conversations;

namespace Domicile.Tests.Server;

/// <summary>The built program in a process of its own, and what it prints.</summary>
internal sealed class ProgramRun : IAsyncDisposable
{
    public const int Hangup = 1;
    public const int Terminate = 15;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);
    private readonly Process _process;
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<string> _output = [];
    private readonly Task _outputRead;
    private readonly Task<string> _errors;

    private ProgramRun(Process process)
    {
        _process = process;
        _outputRead = ReadOutput();
        _errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>Starts the program.</summary>
    /// <param name="environment">Variables beside those of the tests.</param>
    /// <param name="arguments">As typed.</param>
    public static ProgramRun Start(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        Assert.True(File.Exists(Repository.Program), $"{Repository.Program} has not been built.");
        var start = new ProcessStartInfo("dotnet", [Repository.Program, .. arguments]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return new ProgramRun(Process.Start(start)!);
    }

    public static ProgramRun Start(params string[] arguments) => Start(null, arguments);

    /// <summary>Starts a server and waits until it says that it is ready.</summary>
    public static async Task<ProgramRun> Serve(params string[] arguments)
    {
        var run = Start(["serve", .. arguments]);
        try
        {
            await run.Ready();
            return run;
        }
        catch
        {
            await run.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command to its end, which must be a good one.</summary>
    public static async Task<string> Command(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        await using var run = Start(environment, arguments);
        var (code, output, errors) = await run.End();
        Assert.True(code == 0, $"domicile {string.Join(' ', arguments)} ended with {code}: {errors}");
        return output;
    }

    public static Task<string> Command(params string[] arguments) => Command(null, arguments);

    /// <summary>Waits until a server says that it is ready.</summary>
    public async Task Ready()
    {
        await Task.WhenAny(_ready.Task, _outputRead).WaitAsync(Limit);
        Assert.True(_ready.Task.IsCompletedSuccessfully, _outputRead.IsCompleted ? $"The server ended: {await _errors}" : "The server is not ready.");
    }

    /// <summary>Waits until the program ends by itself.</summary>
    public async Task<(int Code, string Output, string Errors)> End()
    {
        await _process.WaitForExitAsync().WaitAsync(Limit);
        await _outputRead;
        return (_process.ExitCode, string.Concat(_output), await _errors);
    }

    public void Signal(int signal) => Assert.Equal(0, Kill(_process.Id, signal));

    /// <summary>Asks a server to stop, and insists on a good end.</summary>
    public async Task Stop()
    {
        Signal(Terminate);
        var (code, _, errors) = await End();
        Assert.True(code == 0, $"The server ended with {code}: {errors}");
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        await _outputRead;
        await _errors;
        _process.Dispose();
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static extern int Kill(int process, int signal);

    private async Task ReadOutput()
    {
        while (await _process.StandardOutput.ReadLineAsync() is { } line)
        {
            _output.Add(line + "\n");
            if (line.StartsWith("Domicile is ready", StringComparison.Ordinal))
            {
                _ready.TrySetResult();
            }
        }
    }
}
