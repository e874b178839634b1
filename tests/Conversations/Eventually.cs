using System.Diagnostics;

namespace Domicile.Tests.Conversations;

/// <summary>Waits for what another process does: asks again until it holds or the time is up.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(25);

    public static async Task Holds(Func<Task<bool>> condition, TimeSpan within, Func<string> otherwise)
    {
        var watch = Stopwatch.StartNew();
        while (!await condition())
        {
            if (watch.Elapsed > within)
            {
                throw new TimeoutException($"Not within {within.TotalSeconds:0} s: {otherwise()}");
            }

            await Task.Delay(Between);
        }
    }
}
