using System.CommandLine;
using Domicile.Server;
using Domicile.Storage;

namespace Domicile.Cli;

/// <summary><c>domicile backup</c> and <c>domicile restore</c>, for stores on SQLite.</summary>
internal static class BackupCommands
{
    /// <summary>The command that takes a backup.</summary>
    public static Command Backup(CommonOptions options, Terminal terminal)
    {
        var stores = new StoreOptions(options, terminal);
        var to = new Option<string>("--to") { HelpName = "DIR", Description = "Where backups of the records go; each gets a directory named after its time", Required = true };
        var keysTo = new Option<string?>("--keys-to") { HelpName = "DIR", Description = "Where backups of the keys go: another place, from which they are removed sooner. Without it no keys are backed up" };
        var verb = new Verb(
            "backup",
            "Takes a verified backup of stores on SQLite while the server runs. Root keys and the erasure ledger are in none: keep them apart.",
            "backup --to /backup/records --keys-to /backup-keys/keys",
            "backup --config /etc/domicile/domicile.json --to /backup/records --json")
        {
            to, keysTo, stores.Configuration, options.Data, options.Geography, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var taken = await StoreOptions.Guarded(Stores.Backup(stores.Selection(parsed), parsed.GetRequiredValue(to), parsed.GetValue(keysTo), terminal.Clock, cancel));
            if (parsed.GetValue(options.Json))
            {
                terminal.Json([.. taken.Select(one => new BackupReply(one.Directory, one.Manifest.Database, one.Manifest.TakenOn, one.Manifest.Files, one.Manifest.Blobs))], AdminJson.Readable.IReadOnlyListBackupReply);
                return;
            }

            foreach (var (directory, manifest) in taken)
            {
                terminal.Output.WriteLine($"{manifest.Database}: {Table.Clean(directory)} ({manifest.Files.Count} databases, {manifest.Files.Sum(file => file.Bytes)} bytes{FilesOf(manifest)})");
                foreach (var missing in manifest.Blobs?.Where(blobs => blobs.Missing > 0) ?? [])
                {
                    terminal.Error.WriteLine($"warning: {missing.Store}: {missing.Missing} sealed files that records name were not there to be copied. 'residency verify' names the records.");
                }
            }
        });
        return verb;
    }

    private static string FilesOf(BackupManifest manifest) =>
        manifest.Blobs is { Count: > 0 } blobs && blobs.Sum(store => store.Files) is > 0 and var files ? $", {files} sealed files of {blobs.Sum(store => store.Bytes)} bytes" : "";

    /// <summary>The command that puts a backup back.</summary>
    public static Command Restore(CommonOptions options, Terminal terminal)
    {
        var stores = new StoreOptions(options, terminal);
        var from = new Option<string?>("--from") { HelpName = "DIR", Description = "A backup of the records: the directory that 'backup' named" };
        var keysFrom = new Option<string?>("--keys-from") { HelpName = "DIR", Description = "A backup of the keys" };
        var withoutLedger = new Option<bool>("--without-ledger") { Description = "Go on although an erasure ledger is missing. Right only when nobody was erased since the backup" };
        var verb = new Verb(
            "restore",
            "Puts a backup of stores on SQLite back, into an empty directory or over that of a stopped server. Everything is checked before anything is changed. The next start erases again whoever was erased since.",
            "restore --from /backup/records/20260301T080000Z",
            "restore --from /backup/records/20260301T080000Z --keys-from /backup-keys/keys/20260301T080000Z --geography Europe")
        {
            from, keysFrom, withoutLedger, stores.Configuration, options.Data, options.Geography, options.Json,
        };
        verb.SetAction(async (parsed, cancel) =>
        {
            var (records, keys) = (parsed.GetValue(from), parsed.GetValue(keysFrom));
            if (records is null && keys is null)
            {
                throw CommandFailure.Usage("Say what to restore: records with --from, keys with --keys-from, or both.");
            }

            var files = await StoreOptions.Guarded(Stores.Restore(stores.Selection(parsed), records, keys, parsed.GetValue(withoutLedger), cancel));
            if (parsed.GetValue(options.Json))
            {
                terminal.Json(new RestoredReply(files), AdminJson.Readable.RestoredReply);
                return;
            }

            foreach (var file in files)
            {
                terminal.Output.WriteLine($"Put back {Table.Clean(file)}");
            }
        });
        return verb;
    }
}
