using System.Text.Json.Nodes;
using Domicile.Residency;
using Domicile.Tests.Support;

namespace Domicile.Tests.Residency;

public sealed class RootKeyTests : IDisposable
{
    private static readonly Geography Europe = Geography.Parse("Europe");
    private readonly TemporaryDirectory _directory = new();
    private readonly ManualClock _clock = new();

    private string Path => _directory["root.key"];

    public void Dispose() => _directory.Dispose();

    private FileKeyProvider Open() => FileKeyProvider.Open(Path, Europe, _clock);

    private static byte[] Key() => [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    [Fact]
    public void A_root_key_opens_what_it_wrapped_and_nothing_in_another_place()
    {
        using var made = FileKeyProvider.Create(Path, Europe, _clock);
        using var opened = Open();
        var wrapped = made.Wrap(1, Key(), "here"u8);
        Assert.Equal(Key(), opened.Unwrap(1, wrapped, "here"u8));
        Assert.Throws<SealBrokenException>(() => opened.Unwrap(1, wrapped, "there"u8));
        Assert.Throws<KeyGoneException>(() => opened.Unwrap(2, wrapped, "here"u8));
        wrapped[13] ^= 1;
        Assert.Throws<SealBrokenException>(() => opened.Unwrap(1, wrapped, "here"u8));
        Assert.Throws<SealBrokenException>(() => opened.Unwrap(1, wrapped.AsSpan(0, 20), "here"u8));
        Assert.Equal(made.CheckValue, opened.CheckValue);
    }

    [Fact]
    public void A_root_key_is_made_once()
    {
        using var made = FileKeyProvider.Create(Path, Europe, _clock);
        Assert.Throws<InvalidOperationException>(() => FileKeyProvider.Create(Path, Europe, _clock));
    }

    [Fact]
    public void Epochs_begin_and_end_durably()
    {
        using var made = FileKeyProvider.Create(Path, Europe, _clock);
        var wrapped = made.Wrap(1, Key(), "here"u8);
        _clock.Turn(TimeSpan.FromDays(1));
        Assert.Equal(2, made.BeginEpoch());
        using (var opened = Open())
        {
            Assert.Equal([1, 2], opened.Epochs);
            Assert.Equal((2, _clock.GetUtcNow(), made.CheckValue), (opened.CurrentEpoch, opened.CurrentSince, opened.CheckValue));
            Assert.Equal(Key(), opened.Unwrap(1, wrapped, "here"u8));
        }

        made.DestroyEpoch(1);
        made.DestroyEpoch(1);
        Assert.Throws<InvalidOperationException>(() => made.DestroyEpoch(2));
        using var after = Open();
        Assert.Equal([2], after.Epochs);
        Assert.Throws<KeyGoneException>(() => after.Unwrap(1, wrapped, "here"u8));
        Assert.Throws<KeyGoneException>(() => made.Unwrap(1, wrapped, "here"u8));
    }

    [Fact]
    public void An_epoch_that_could_not_be_written_down_never_began()
    {
        using var made = FileKeyProvider.Create(Path, Europe, _clock);
        Directory.CreateDirectory(Path + ".new");
        Assert.ThrowsAny<Exception>(() => made.BeginEpoch());
        Assert.Equal([1], made.Epochs);
        Directory.Delete(Path + ".new");
        Assert.Equal(2, made.BeginEpoch());
        Directory.CreateDirectory(Path + ".new");
        Assert.ThrowsAny<Exception>(() => made.DestroyEpoch(1));
        Assert.Equal([1, 2], made.Epochs);
    }

    [Fact]
    public void A_missing_file_is_told_and_not_made()
    {
        var fault = Assert.Throws<InvalidDataException>(Open);
        Assert.Contains("is missing", fault.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path));
    }

    [Fact]
    public void The_file_of_another_geography_is_refused()
    {
        using var made = FileKeyProvider.Create(Path, Europe, _clock);
        var fault = Assert.Throws<InvalidDataException>(() => FileKeyProvider.Open(Path, Geography.Parse("United States"), _clock));
        Assert.Contains("is of Europe, not of United States", fault.Message, StringComparison.Ordinal);
    }

    public static TheoryData<string> Damages =>
    [
        "empty", "half", "not json", "null", "other format", "no geography", "no epochs", "null epoch", "no key", "short key", "flipped key", "no check", "epoch twice", "other epoch",
    ];

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_damaged_file_is_refused_with_what_to_do(string damage)
    {
        using (var made = FileKeyProvider.Create(Path, Europe, _clock))
        {
            made.BeginEpoch();
        }

        var whole = File.ReadAllText(Path);
        var file = JsonNode.Parse(whole)!;
        var epoch = file["epochs"]![0]!.AsObject();
        switch (damage)
        {
            case "other format":
                file["format"] = 2;
                break;
            case "no geography":
                file.AsObject().Remove("geography");
                break;
            case "no epochs":
                file["epochs"] = new JsonArray();
                break;
            case "null epoch":
                file["epochs"]![0] = null;
                break;
            case "no key":
                epoch.Remove("key");
                break;
            case "short key":
                epoch["key"] = Convert.ToBase64String(new byte[31]);
                break;
            case "flipped key":
                var key = epoch["key"]!.GetValue<string>();
                epoch["key"] = (key[0] == 'A' ? 'B' : 'A') + key[1..];
                break;
            case "no check":
                epoch.Remove("check");
                break;
            case "epoch twice":
                file["epochs"]![1] = epoch.DeepClone();
                break;
            case "other epoch":
                epoch["number"] = 7;
                break;
        }

        var damaged = damage switch { "empty" => "", "half" => whole[..(whole.Length / 2)], "not json" => "\0\0\0", "null" => "null", _ => file.ToJsonString() };
        File.WriteAllText(Path, damaged);
        var fault = Assert.Throws<InvalidDataException>(Open);
        Assert.Contains("is damaged. Put it back", fault.Message, StringComparison.Ordinal);
        Assert.Equal(damaged, File.ReadAllText(Path));
        File.WriteAllText(Path, whole);
        Open().Dispose();
    }

    [Fact]
    public void Secrets_are_readable_by_their_owner_only()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        using var made = FileKeyProvider.Create(Path, Europe, _clock);
        made.BeginEpoch();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path));
        SecretFile.CreateDirectory(_directory["a/b"]);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(_directory["a/b"]));
    }

    [Fact]
    public void A_file_is_replaced_whole_and_the_old_content_overwritten()
    {
        var path = _directory["secret"];
        SecretFile.Write(path, "the old secret"u8);
        using var held = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        File.WriteAllText(path + ".new", "left by a crash");
        SecretFile.Write(path, "new"u8);
        Assert.Equal("new", File.ReadAllText(path));
        Assert.False(File.Exists(path + ".new"));
        var old = new byte[14];
        held.ReadExactly(old);
        Assert.Equal(new byte[14], old);
    }
}
