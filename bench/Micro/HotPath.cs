using System.Buffers;
using System.Text.Json;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;
using Domicile.Server;
using Microsoft.AspNetCore.Http;
using Place = Domicile.Bench.InProcess.Place;

namespace Domicile.Bench.Micro;

/// <summary>The pieces of a message's way, with what they allocate.</summary>
[MemoryDiagnoser]
[Config(typeof(InThisProcess))]
public class HotPath
{
    private readonly byte[] _body = JsonSerializer.SerializeToUtf8Bytes(new { content = new string('x', 300), senderDisplayName = "A person", type = "text" });
    private readonly ArrayBufferWriter<byte> _content = new(1024);
    private readonly ArrayBufferWriter<byte> _context = new(1024);
    private readonly byte[] _opened = new byte[1024];
    private readonly SealKey _key = SealKey.Of(new byte[32], new byte[32]);
    private readonly HeaderDictionary _headers = [];
    private Place _place = null!;
    private RecordKind<ChatMessage> _kind = null!;
    private ChatMessage _message = null!;
    private byte[] _payload = [];
    private ColumnValue[] _values = [];
    private AccessKeySignature _signature = null!;
    private ServedResource _served = null!;
    private UserTokens _tokens = null!;
    private string _token = "";
    private SubjectRef _person;
    private Ref<ChatThread> _thread;

    [GlobalSetup]
    public void Setup() => Prepare().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => _place.DisposeAsync().AsTask().GetAwaiter().GetResult();

    private async Task Prepare()
    {
        _place = await Place.Open();
        var (person, rawId, account) = await _place.Person();
        (_person, _thread) = (person, await _place.Thread(person));
        _kind = _place.Unit.Catalogue.Of<ChatMessage>();
        _message = Place.Message(_thread, person, new string('x', 300));
        _values = _kind.Values(_message);
        _kind.WriteContent(_message, _content);
        Seal.WriteContext(_context, _place.Home.Geography, _place.Home.Resource, _kind, _values, _values.Length, 1);
        _payload = Seal.Close(_key, _values.Length, _content.WrittenSpan, _context.WrittenSpan);
        _served = new ServedResource(_place.Home, [new byte[64], new byte[64]]);
        _tokens = new UserTokens(TimeProvider.System);
        _token = (await _tokens.Issue(_place.Home, rawId, account, ["chat"], 60, _served.KeyFingerprints[0], CancellationToken.None)).Token;

        // The vector of the contract, with a clock at its date.
        _signature = new AccessKeySignature(new FixedClock(new DateTimeOffset(2024, 3, 1, 0, 0, 0, TimeSpan.Zero)));
        _headers["x-ms-date"] = "Fri, 01 Mar 2024 00:00:00 GMT";
        _headers["x-ms-content-sha256"] = "WTRvgEjjVd+bvyKw3WgXgDkU81aV8FWq+4/BE+he0+A=";
        _headers["Host"] = "localhost:8443";
        _headers["Authorization"] = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=PTvDijqGl3lls7TV/iUW6iN52k9QlWAhAB3akxYXTvA=";
    }

    [Benchmark]
    public byte[] Seal_a_message()
    {
        _content.ResetWrittenCount();
        _kind.WriteContent(_message, _content);
        _context.ResetWrittenCount();
        Seal.WriteContext(_context, _place.Home.Geography, _place.Home.Resource, _kind, _values, _values.Length, 1);
        return Seal.Close(_key, _values.Length, _content.WrittenSpan, _context.WrittenSpan);
    }

    [Benchmark]
    public object Open_a_message()
    {
        _context.ResetWrittenCount();
        Seal.WriteContext(_context, _place.Home.Geography, _place.Home.Resource, _kind, _values, _values.Length, 1);
        var length = Seal.Open(_key, _payload, _opened, _context.WrittenSpan);
        return _kind.Read(_opened.AsSpan(0, length), _values, 1, null);
    }

    [Benchmark]
    public object Read_the_json_of_a_request() => JsonSerializer.Deserialize(_body, ChatJson.Default.SendMessageRequest)!;

    [Benchmark]
    public async Task<bool> Check_a_known_token() => (await _tokens.Check(_token, _served, CancellationToken.None)).User is not null;

    [Benchmark]
    public bool Check_an_access_key_signature() =>
        _signature.Check("POST", "/identities?api-version=2023-10-01", _headers, [System.Text.Encoding.ASCII.GetBytes("0123456789abcdef0123456789abcdef")], out _) is null;

    [Benchmark]
    public Task Commit_one_message() => _place.Send(_thread, _person, "Hello");

    [Benchmark(OperationsPerInvoke = 64)]
    public Task Commit_64_messages_at_once() => Task.WhenAll(Enumerable.Range(0, 64).Select(_ => _place.Send(_thread, _person, "Hello")));

    private sealed class FixedClock(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }

    private sealed class InThisProcess : ManualConfig
    {
        public InThisProcess() => AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
    }
}
