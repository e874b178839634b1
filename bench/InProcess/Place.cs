using Domicile.Modules.Chat;
using Domicile.Modules.Http;
using Domicile.Modules.Identity;
using Domicile.Residency;
using Domicile.Server;
using Domicile.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Domicile.Bench.InProcess;

/// <summary>A resource on a real store, in this process.</summary>
internal sealed class Place : IAsyncDisposable
{
    private readonly string? _directory;

    private Place(ScaleUnit unit, Home home, string? directory)
    {
        (Unit, Home, _directory) = (unit, home, directory);
    }

    public ScaleUnit Unit { get; }

    public Home Home { get; }

    /// <summary>Opens a node's view of a store, with a resource of its own.</summary>
    /// <param name="postgres">The databases; null for SQLite in a directory of its own.</param>
    /// <param name="rootKey">The root key file that nodes of one geography share.</param>
    public static async Task<Place> Open(PostgresStore? postgres = null, string? rootKey = null)
    {
        var directory = Directory.CreateTempSubdirectory("domicile-bench-").FullName;
        var unit = await ScaleUnit.Open(
            new ScaleUnitOptions(Geography.Parse("Europe"), Path.Combine(directory, "unit")) { Postgres = postgres, RootKeyFile = rootKey },
            ProductModules.Catalogue(), TimeProvider.System, NullLogger.Instance, CancellationToken.None);
        return new Place(unit, await unit.Own.Administration!.Add(Guid.NewGuid(), CancellationToken.None), directory);
    }

    /// <summary>Another resource on the same store, which closes with this one.</summary>
    public async Task<Place> Another() => new(Unit, await Unit.Own.Administration!.Add(Guid.NewGuid(), CancellationToken.None), null);

    public async Task<(SubjectRef Subject, string RawId, UserAccount Account)> Person()
    {
        var rawId = CommunicationIdentifier.UserIdOf(Home.ResourceId, Guid.NewGuid());
        var subject = await Home.AddSubject([new Identifier(Identifier.CommunicationUser, rawId)], CancellationToken.None);
        var account = new UserAccount { Subject = subject, CreatedOn = TimeProvider.System.GetUtcNow(), Revocations = 0 };
        Check(await Home.Store.Commit(b => b.Insert(account), CancellationToken.None));
        return (subject, rawId, account);
    }

    public async Task<Ref<ChatThread>> Thread(params SubjectRef[] people)
    {
        var now = TimeProvider.System.GetUtcNow();
        var thread = new ChatThread { Key = Home.References.Next<ChatThread>(), PublicId = $"19:{Guid.NewGuid():N}@thread.v2", CreatedOn = now, Topic = "A thread", CreatedBy = people[0] };
        Check(await Home.Store.Commit(
            b =>
            {
                b.Insert(thread);
                foreach (var person in people)
                {
                    b.Insert(new ChatParticipant { Thread = thread.Key, Person = person, AddedOn = now });
                }
            },
            CancellationToken.None));
        return thread.Key;
    }

    public static ChatMessage Message(Ref<ChatThread> thread, SubjectRef sender, string content) =>
        new() { Thread = thread, SealId = Guid.CreateVersion7(), Sender = sender, Content = content, SenderDisplayName = "A person" };

    /// <summary>Sends as the module does.</summary>
    public async Task Send(Ref<ChatThread> thread, SubjectRef sender, string content, bool requireMembership = true, AuditedAct? audited = null)
    {
        var message = Message(thread, sender, content);
        Check(await Home.Store.Commit(
            b =>
            {
                b.Lock(thread, ChatProblems.NoThread);
                if (requireMembership)
                {
                    b.Require<ChatParticipant>([thread, sender], ChatProblems.NoLongerIn);
                }

                b.Append(message);
                if (audited is not null)
                {
                    b.AuditWrites(audited);
                }
            },
            CancellationToken.None));
    }

    public async ValueTask DisposeAsync()
    {
        if (_directory is not null)
        {
            await Unit.DisposeAsync();
            Directory.Delete(_directory, recursive: true);
        }
    }

    private static void Check(Outcome outcome)
    {
        if (outcome.Refused is { } refused)
        {
            throw new InvalidOperationException(refused.Title);
        }
    }
}
