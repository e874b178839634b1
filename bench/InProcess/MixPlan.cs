namespace Domicile.Bench.InProcess;

/// <summary>The four who work with personal data.</summary>
internal enum MixRole
{
    Customer,
    Processor,
    Controller,
    Regulator,
}

/// <summary>What they do.</summary>
internal enum MixAct
{
    /// <summary>Everything that is kept about a person.</summary>
    ReadAll,

    /// <summary>What is kept about a membership: since when, under which name, what is objected to.</summary>
    ReadMembership,

    /// <summary>A message of one's own gets another text.</summary>
    Edit,

    /// <summary>A use of one's data is objected to: in a thread, or over HTTP for one message.</summary>
    Object,

    /// <summary>A message of one's own is deleted.</summary>
    Delete,

    /// <summary>One message by its key.</summary>
    Read,

    /// <summary>The newest messages of a thread, of those who do not object.</summary>
    ReadUnlessObjected,

    /// <summary>A new message.</summary>
    Send,

    /// <summary>A thread whose purpose is fulfilled goes with everything in it.</summary>
    RemoveThread,

    /// <summary>A thread gets a time after which messages go; those that are older go at once.</summary>
    Limit,

    /// <summary>A person is erased.</summary>
    Erase,

    /// <summary>A thread gets a date on which it ends.</summary>
    SetEnd,

    /// <summary>A person's name is corrected, wherever it stands.</summary>
    Rename,

    /// <summary>How many records there are about a person, by kind.</summary>
    Count,

    /// <summary>What was done last.</summary>
    ReadLog,

    /// <summary>That an erased person is gone, with the proof.</summary>
    Verify,
}

/// <summary>One act.</summary>
/// <param name="Act">What.</param>
/// <param name="Person">Who, or about whom.</param>
/// <param name="Thread">Where.</param>
/// <param name="Message">The number of the message in its thread.</param>
/// <param name="Text">A text, made once for both sides.</param>
internal readonly record struct MixStep(MixAct Act, int Person, int Thread = -1, int Message = -1, string Text = "");

/// <summary>How much there is.</summary>
/// <param name="People">People; each is in <see cref="ThreadsEach"/> threads.</param>
/// <param name="Workers">Work at the same time. Each has people and threads of its own, so that what must be there in the end is known beforehand.</param>
/// <param name="MessagesEach">Messages of each person in each thread.</param>
internal sealed record MixSize(int People, int Workers, int MessagesEach)
{
    public const int ThreadsEach = 5;
    public const int Members = 5;

    /// <summary>As many threads as people, since each has five members and each person is in five.</summary>
    public int Threads => People;

    public int MessagesInThread => Members * MessagesEach;

    /// <summary>People of a worker, and threads.</summary>
    public int PerWorker => People / Workers;

    public int WorkerOf(int person) => person / PerWorker;

    /// <summary>A ring: each thread has five neighbours in it, of one worker.</summary>
    public int Member(int thread, int place) => (WorkerOf(thread) * PerWorker) + (((thread % PerWorker) + place) % PerWorker);

    /// <summary>The threads of a person.</summary>
    public int ThreadOf(int person, int place) => (WorkerOf(person) * PerWorker) + (((person % PerWorker) - place + PerWorker) % PerWorker);

    /// <summary>Who wrote the message of a number.</summary>
    public int SenderOf(int thread, int message) => Member(thread, message % Members);
}

/// <summary>
/// What each worker does, drawn before anything is measured and the same for both sides, and what must be there in the end. The shares are those that the authors of GDPRbench
/// describe for its four roles (Shastri et al., Understanding and Benchmarking the Impact of GDPR on Database Systems, VLDB 2020): the customer's five acts at a fifth each; of the
/// processor four fifths by key; of the controller a quarter each made and deleted, half metadata; of the regulator 46 % metadata of a person, 31 % logs, 23 % verified deletions.
/// People are drawn by a Zipf distribution, but for the controller's, which are drawn evenly.
/// </summary>
internal sealed class MixPlan
{
    /// <summary>What was there before messages were sent is ten days old, and a limit of a week ends it.</summary>
    public const int LimitDays = 7;

    /// <summary>Of the regulator's people so many are erased before it begins.</summary>
    private const int ErasedOf = 20;

    private readonly Random _chance;

    public MixPlan(MixRole role, MixSize size, int steps, int seed)
    {
        (Role, Size, _chance) = (role, size, new Random(seed));
        Texts = [.. Enumerable.Range(0, size.Threads).Select(thread => Enumerable.Range(0, size.MessagesInThread).Select(message => (string?)Words()).ToList())];
        Steps = [.. Enumerable.Range(0, size.Workers).Select(_ => new List<MixStep>())];
        if (role == MixRole.Regulator)
        {
            for (var person = 0; person < size.People; person += ErasedOf)
            {
                Before.Add(new MixStep(MixAct.Erase, person));
                Apply(Before[^1]);
            }
        }

        Loaded = [.. Texts.Select(thread => thread.ToList())];
        for (var worker = 0; worker < size.Workers; worker++)
        {
            var ranks = Shuffled(Enumerable.Range(worker * size.PerWorker, size.PerWorker));
            var zipf = new Zipf(size.PerWorker);
            for (var i = 0; i < steps / size.Workers; i++)
            {
                var person = ranks[role == MixRole.Controller ? _chance.Next(ranks.Count) : zipf.Next(_chance)];
                var step = Next(role, person, worker);
                Steps[worker].Add(step);
                Apply(step);
            }
        }
    }

    public MixRole Role { get; }

    public MixSize Size { get; }

    /// <summary>The messages that are there at the beginning, by thread; for those whom it has erased already, null.</summary>
    public List<List<string?>> Loaded { get; }

    /// <summary>What is done before the clock runs.</summary>
    public List<MixStep> Before { get; } = [];

    public List<MixStep>[] Steps { get; }

    /// <summary>The messages that must be there in the end, by thread; null where the text must be gone and the place stays.</summary>
    public List<List<string?>> Texts { get; }

    /// <summary>Threads that must be gone.</summary>
    public HashSet<int> Removed { get; } = [];

    /// <summary>Threads whose old messages must be gone.</summary>
    public HashSet<int> Limited { get; } = [];

    /// <summary>People who must be gone.</summary>
    public HashSet<int> Erased { get; } = [];

    /// <summary>The names that must stand.</summary>
    public Dictionary<int, string> Names { get; } = [];

    /// <summary>What must be objected to, by person and thread.</summary>
    public Dictionary<(int Person, int Thread), string> Objections { get; } = [];

    /// <summary>The same where it stands on the message, which is where applications can write it over HTTP.</summary>
    public Dictionary<(int Thread, int Message), string> Marks { get; } = [];

    /// <summary>The texts that must not be found any more.</summary>
    public HashSet<string> Gone { get; } = [];

    public int Count => Steps.Sum(steps => steps.Count);

    private MixStep Next(MixRole role, int person, int worker) => role switch
    {
        MixRole.Customer => _chance.Next(5) switch
        {
            0 => new(MixAct.ReadAll, person, ThreadOf(person)),
            1 => new(MixAct.ReadMembership, person, ThreadOf(person)),
            2 => OwnMessage(MixAct.Edit, person),
            3 => OwnMessage(MixAct.Object, person),
            _ => OwnMessage(MixAct.Delete, person),
        },
        MixRole.Processor => _chance.Next(5) < 4
            ? ThreadOf(person) is var thread ? new(MixAct.Read, person, thread, _chance.Next(Texts[thread].Count)) : default
            : new(MixAct.ReadUnlessObjected, person, ThreadOf(person)),
        MixRole.Controller => _chance.Next(12) switch
        {
            < 3 => OrElse(Living(person, worker), found => new(MixAct.Send, found.Person, found.Thread, Text: Words())),
            3 => OrElse(Living(person, worker), found => new(MixAct.RemoveThread, found.Person, found.Thread)),
            4 => OrElse(Living(person, worker), found => new(MixAct.Limit, found.Person, found.Thread)),
            5 => OrElse(Living(person, worker), found => new(MixAct.Erase, found.Person)),
            < 9 => OrElse(Living(person, worker), found => new(MixAct.SetEnd, found.Person, found.Thread)),
            _ => OrElse(Living(person, worker), found => new(MixAct.Rename, found.Person, Text: $"Name {_chance.Next(1_000_000)}")),
        },
        _ => _chance.Next(100) switch
        {
            < 46 => new(MixAct.Count, person),
            < 77 => new(MixAct.ReadLog, person),
            _ => new(MixAct.Verify, Before[_chance.Next(Before.Count)].Person),
        },
    };

    private MixStep OwnMessage(MixAct act, int person)
    {
        for (var i = 0; i < 20; i++)
        {
            var thread = ThreadOf(person);
            var place = Enumerable.Range(0, MixSize.Members).First(place => Size.Member(thread, place) == person);
            var message = (_chance.Next(Size.MessagesEach) * MixSize.Members) + place;
            if (Texts[thread][message] is not null)
            {
                return new MixStep(act, person, thread, message, act switch { MixAct.Edit => Words(), MixAct.Object => $"analysis {_chance.Next(1_000)}", _ => "" });
            }
        }

        // Whoever has hardly any left asks what there is.
        return new MixStep(MixAct.ReadAll, person, ThreadOf(person));
    }

    private int ThreadOf(int person) => Size.ThreadOf(person, _chance.Next(MixSize.ThreadsEach));

    /// <summary>Someone of the worker's who is not erased, in a thread that is not gone.</summary>
    private (int Person, int Thread)? Living(int person, int worker)
    {
        for (var i = 0; i < 200; i++)
        {
            var thread = ThreadOf(person);
            if (!Erased.Contains(person) && !Removed.Contains(thread))
            {
                return (person, thread);
            }

            person = (worker * Size.PerWorker) + _chance.Next(Size.PerWorker);
        }

        return null;
    }

    private static MixStep OrElse((int Person, int Thread)? living, Func<(int Person, int Thread), MixStep> step) =>
        living is { } found ? step(found) : throw new InvalidOperationException("Too few people for so many steps.");

    private void Apply(MixStep step)
    {
        switch (step.Act)
        {
            case MixAct.Edit:
                Forget(step.Thread, step.Message);
                Texts[step.Thread][step.Message] = step.Text;
                break;
            case MixAct.Delete:
                Forget(step.Thread, step.Message);
                break;
            case MixAct.Object:
                Objections[(step.Person, step.Thread)] = step.Text;
                Marks[(step.Thread, step.Message)] = step.Text;
                break;
            case MixAct.Send:
                Texts[step.Thread].Add(step.Text);
                _senders[(step.Thread, Texts[step.Thread].Count - 1)] = step.Person;
                break;
            case MixAct.RemoveThread:
                Removed.Add(step.Thread);
                Enumerable.Range(0, Texts[step.Thread].Count).ToList().ForEach(message => Forget(step.Thread, message));
                break;
            case MixAct.Limit:
                Limited.Add(step.Thread);
                Enumerable.Range(0, Size.MessagesInThread).ToList().ForEach(message => Forget(step.Thread, message));
                break;
            case MixAct.Erase:
                Erased.Add(step.Person);
                for (var place = 0; place < MixSize.ThreadsEach; place++)
                {
                    var thread = Size.ThreadOf(step.Person, place);
                    for (var message = 0; message < Texts[thread].Count; message++)
                    {
                        if (SenderOf(thread, message) == step.Person)
                        {
                            Forget(thread, message);
                        }
                    }
                }

                break;
            case MixAct.Rename:
                Names[step.Person] = step.Text;
                break;
        }
    }

    private readonly Dictionary<(int Thread, int Message), int> _senders = [];

    private int SenderOf(int thread, int message) => _senders.TryGetValue((thread, message), out var sender) ? sender : Size.SenderOf(thread, message);

    private void Forget(int thread, int message)
    {
        if (Texts[thread][message] is { } text)
        {
            Gone.Add(text);
            Texts[thread][message] = null;
        }
    }

    /// <summary>About 300 characters, no two alike.</summary>
    private string Words() => $"{_chance.NextInt64():x16} The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog.";

    private List<int> Shuffled(IEnumerable<int> some)
    {
        var shuffled = some.ToArray();
        _chance.Shuffle(shuffled);
        return [.. shuffled];
    }

    /// <summary>Ranks from 0, the first the likeliest, with the exponent 0.99 that is usual for such loads.</summary>
    private sealed class Zipf
    {
        private readonly double[] _upTo;

        public Zipf(int count)
        {
            _upTo = new double[count];
            var sum = 0.0;
            for (var i = 0; i < count; i++)
            {
                _upTo[i] = sum += 1 / Math.Pow(i + 1, 0.99);
            }
        }

        public int Next(Random chance)
        {
            var found = Array.BinarySearch(_upTo, chance.NextDouble() * _upTo[^1]);
            return found >= 0 ? found : Math.Min(~found, _upTo.Length - 1);
        }
    }
}
