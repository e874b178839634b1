using System.Collections.Frozen;
using System.Security.Cryptography;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Testing;

/// <summary>
/// What the test-suite of an application asked a development server to do wrong, and what the server answered since. It is in memory only. A production server has none.
/// </summary>
public sealed class TestBench
{
    /// <summary>Faults at the same time at most.</summary>
    public const int FaultsMax = 100;

    /// <summary>Answers remembered at most; the oldest go first.</summary>
    public const int AnswersMax = 10_000;

    private readonly Lock _lock = new();
    private readonly Queue<TestAnswer> _answers = new();
    private List<TestFault> _faults = [];
    private long _answered;
    private FrozenSet<string> _operations = [];

    /// <summary>The faults that are still to be met.</summary>
    public IReadOnlyList<TestFault> Faults
    {
        get
        {
            lock (_lock)
            {
                return _faults;
            }
        }
    }

    /// <summary>Takes the names of the operations that resources have.</summary>
    public void Learn(IEnumerable<string> operations) => _operations = [.. operations];

    /// <summary>Whether resources have an operation of that name.</summary>
    public bool Knows(string operation) => operation == TestFault.EveryOperation || _operations.Contains(operation);

    /// <summary>Adds a fault.</summary>
    /// <returns>Whether there was room.</returns>
    public bool Add(TestFault fault)
    {
        lock (_lock)
        {
            if (_faults.Count >= FaultsMax)
            {
                return false;
            }

            _faults = [.. _faults, fault];
            return true;
        }
    }

    /// <summary>Takes all faults away, and forgets what was answered.</summary>
    public void Clear()
    {
        lock (_lock)
        {
            _faults = [];
            _answers.Clear();
        }
    }

    /// <summary>Takes all faults away.</summary>
    public void ClearFaults()
    {
        lock (_lock)
        {
            _faults = [];
        }
    }

    /// <summary>Meets a request with the first fault that is meant for it; one that is used up is gone.</summary>
    public TestFault? Meet(Operation operation, Guid resource)
    {
        if (Volatile.Read(ref _faults).Count == 0)
        {
            return null;
        }

        lock (_lock)
        {
            var met = _faults.FindIndex(fault => fault.IsFor(operation.Name, resource) && IsDue(fault));
            if (met < 0)
            {
                return null;
            }

            var fault = _faults[met];
            if (fault.Times is { } times)
            {
                _faults = times > 1 ? [.. _faults[..met], fault with { Times = times - 1 }, .. _faults[(met + 1)..]] : [.. _faults[..met], .. _faults[(met + 1)..]];
            }

            return fault;
        }
    }

    /// <summary>Remembers an answer.</summary>
    public void Answered(Operation operation, Guid? resource, int status, TimeSpan took, TestFault? fault, DateTimeOffset at)
    {
        lock (_lock)
        {
            if (_answers.Count == AnswersMax)
            {
                _answers.Dequeue();
            }

            _answers.Enqueue(new TestAnswer(++_answered, at, operation.Name, resource, status, took.TotalMilliseconds, fault?.Kind));
        }
    }

    /// <summary>What was answered after the answer of a number, from the oldest.</summary>
    public IReadOnlyList<TestAnswer> After(long number, int take)
    {
        lock (_lock)
        {
            return [.. _answers.Where(answer => answer.Number > number).Take(take)];
        }
    }

    private static bool IsDue(TestFault fault) => fault.PercentOfRequests >= 100 || RandomNumberGenerator.GetInt32(100) < fault.PercentOfRequests;
}

/// <summary>Something that goes wrong on purpose.</summary>
/// <param name="Operation">The operation whose requests meet it; <c>*</c> for all of the resources.</param>
/// <param name="Kind">What goes wrong.</param>
public sealed record TestFault(string Operation, TestFaultKind Kind)
{
    /// <summary>Stands for every operation.</summary>
    public const string EveryOperation = "*";

    /// <summary>The resource whose requests meet it; null for all.</summary>
    public Guid? Resource { get; init; }

    /// <summary>What a 429 or 503 says of when to come back.</summary>
    public TimeSpan RetryAfter { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long the request is held up before anything else.</summary>
    public TimeSpan Latency { get; init; }

    /// <summary>How many requests still meet it; null for all from now on.</summary>
    public int? Times { get; init; }

    /// <summary>How many of a hundred requests meet it, at random, 1–100.</summary>
    public int PercentOfRequests { get; init; } = 100;

    /// <summary>The refusal that it is; null when it is none.</summary>
    public Problem? Refusal => Kind switch
    {
        TestFaultKind.TooMany => HttpProblems.TooMany("Too many requests: a test asked for this answer.", RetryAfter),
        TestFaultKind.Unavailable => new Problem("/problems/testing/unavailable", 503, "The service is not available: a test asked for this answer.") { RetryAfter = RetryAfter },
        _ => null,
    };

    /// <summary>Whether requests of this operation and resource meet it.</summary>
    public bool IsFor(string operation, Guid resource) => (Operation == EveryOperation || Operation == operation) && (Resource is null || Resource == resource);
}

/// <summary>What goes wrong.</summary>
public enum TestFaultKind
{
    /// <summary>Nothing: the request is only held up.</summary>
    Latency,

    /// <summary>429.</summary>
    TooMany,

    /// <summary>503.</summary>
    Unavailable,

    /// <summary>The connection ends before anything is done.</summary>
    ConnectionReset,

    /// <summary>Everything is done, and the connection ends without an answer.</summary>
    AnswerLost,
}

/// <summary>One answer, without anything of a person: no id, no address, nothing that was sent.</summary>
/// <param name="Number">Its number since the start.</param>
/// <param name="At">When the request came.</param>
/// <param name="Operation">The operation.</param>
/// <param name="Resource">The resource; null when the host was not one of this node's.</param>
/// <param name="Status">The status; 499 when the connection ended first.</param>
/// <param name="ElapsedMs">How long it took, in milliseconds.</param>
/// <param name="Fault">The fault that it met, if it met one.</param>
public sealed record TestAnswer(long Number, DateTimeOffset At, string Operation, Guid? Resource, int Status, double ElapsedMs, TestFaultKind? Fault);
