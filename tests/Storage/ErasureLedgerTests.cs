using Domicile.Residency;
using Domicile.Storage;
using Domicile.Tests.Support;

namespace Domicile.Tests.Storage;

public sealed class ErasureLedgerTests : IDisposable
{
    private static readonly DateTimeOffset At = new(2026, 3, 1, 8, 0, 0, TimeSpan.Zero);
    private readonly TemporaryDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void What_any_node_wrote_into_a_shared_directory_every_node_reads_when_it_opens_it()
    {
        using (var one = ErasureLedger.OpenShared(_directory["ledger"], "node-1"))
        using (var two = ErasureLedger.OpenShared(_directory["ledger"], "node-2"))
        {
            one.Add([new KeyName("subject", 1)], At);
            two.Add([new KeyName("subject", 2), new KeyName("chat.thread", 3)], At);
            Assert.Empty(two.Entries);
        }

        using var again = ErasureLedger.OpenShared(_directory["ledger"], "node-1");
        Assert.Equal([new("chat.thread", 3), new("subject", 1), new("subject", 2)], again.Entries.OrderBy(name => name.ToString(), StringComparer.Ordinal));
        again.Add([new KeyName("subject", 4)], At);
        using var third = ErasureLedger.OpenShared(_directory["ledger"], "node-3");
        Assert.Equal(4, third.Entries.Count);
    }

    [Fact]
    public void The_line_that_another_node_is_writing_is_left_to_it()
    {
        Directory.CreateDirectory(_directory["ledger"]);
        var path = Path.Combine(_directory["ledger"], "node-2.ledger");
        File.WriteAllText(path, "2026-03-01T08:00:00Z subject 0000000000000001\n2026-03-01T08:00:00Z subj");
        using var one = ErasureLedger.OpenShared(_directory["ledger"], "node-1");
        Assert.Equal([new KeyName("subject", 1)], one.Entries);
        Assert.EndsWith(" subj", File.ReadAllText(path), StringComparison.Ordinal);
    }

    [Fact]
    public void A_damaged_file_of_any_node_stops_the_start()
    {
        Directory.CreateDirectory(_directory["ledger"]);
        File.WriteAllText(Path.Combine(_directory["ledger"], "node-2.ledger"), "2026-03-01T08:00:00Z subject what\n");
        Assert.Throws<InvalidDataException>(() => ErasureLedger.OpenShared(_directory["ledger"], "node-1"));
    }
}
