using System.Threading.Channels;
using Domicile.Modules.Administration;
using Domicile.Storage;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>
/// DIR/connection-strings.json of a development server: written at the start, and again whenever a resource comes, goes, or gets a new key.
/// It follows the records themselves, so whoever changes them need not know of it; it is current a moment after the change was answered.
/// </summary>
internal sealed partial class ConnectionStringsFile : IAsyncDisposable
{
    private readonly string _directory;
    private readonly IReadOnlyList<Home> _geographies;
    private readonly ILogger _log;
    private readonly CancellationTokenSource _stopping = new();

    // One waiting change stands for all: what is written is what is there then.
    private readonly Channel<bool> _changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });
    private Task _following = Task.CompletedTask;

    public ConnectionStringsFile(string directory, IReadOnlyList<Home> geographies, ILogger log)
    {
        _directory = directory;
        _geographies = geographies;
        _log = log;
    }

    /// <summary>Writes the file, and from then on follows the resources.</summary>
    /// <returns>What it says.</returns>
    public async Task<IReadOnlyList<ConnectionStringEntry>> Start(CancellationToken cancel)
    {
        foreach (var home in _geographies)
        {
            home.Store.Feed.Observe(
                entries =>
                {
                    if (entries.Any(entry => entry.Kind.ClrType == typeof(CommunicationResource)))
                    {
                        _changed.Writer.TryWrite(true);
                    }
                },
                () => _changed.Writer.TryWrite(true));
        }

        var entries = await Write(cancel);
        _following = Task.Run(() => Follow(_stopping.Token), CancellationToken.None);
        return entries;
    }

    /// <summary>Stops to follow.</summary>
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private async Task Follow(CancellationToken cancel)
    {
        await foreach (var _ in _changed.Reader.ReadAllAsync(cancel))
        {
            try
            {
                await Write(cancel);
            }
            catch (Exception failed) when (failed is IOException or UnauthorizedAccessException or StoreUnavailableException)
            {
                LogStale(failed.Message);
            }
        }
    }

    private async Task<IReadOnlyList<ConnectionStringEntry>> Write(CancellationToken cancel)
    {
        var entries = new List<ConnectionStringEntry>();
        foreach (var home in _geographies)
        {
            var resources = await ResourceRegistry.All(home, cancel).OrderBy(resource => resource.CreatedOn).ToListAsync(cancel);
            entries.AddRange(resources.Select(resource => new ConnectionStringEntry(
                home.Geography.Name, resource.Name, ResourceRegistry.EndpointOf(resource), ResourceRegistry.ConnectionStringOf(resource, resource.PrimaryKey))));
        }

        NodeFiles.WriteConnectionStrings(_directory, entries);
        return entries;
    }

    [LoggerMessage(1301, LogLevel.Error, "connection-strings.json could not be written and is out of date until the next change or start: {Reason}")]
    private partial void LogStale(string reason);
}
