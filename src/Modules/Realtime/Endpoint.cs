using System.Diagnostics;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Modules.Realtime;

/// <summary>
/// A client of one user, known by its <c>epid</c> over all its connections: a tab, a device. It holds what is to be told, and what was told and not yet answered; both
/// in memory, both bounded together. The newest connection gets the events.
/// </summary>
internal sealed class Endpoint(ServedResource served, Caller.User user, string id, TimeProvider clock)
{
    private const string Loss = """5:::{"name":"trouter.message_loss","args":[{"droppedIndicators":[{"tag":"messaging","etag":"0"}]}]}""";
    private readonly Lock _lock = new();
    private LinkedList<Outgoing>? _waiting;
    private List<(long Number, Outgoing Event)>? _sent;
    private long _bytes;
    private long _number;
    private Connection? _current;
    private Connection? _former;
    private long _switchedAt;
    private long _awaySince = clock.GetTimestamp();
    private bool _isSwitching;
    private long? _catchesUpFrom;
    private bool _isLossy;
    private bool _isGone;

    /// <summary>The endpoint's id.</summary>
    public string Id { get; } = id;

    /// <summary>The user, with the token that came last.</summary>
    public Caller.User User { get; private set; } = user;

    /// <summary>The resource.</summary>
    public ServedResource Served { get; } = served;

    public Home Home => Served.Home;

    public SubjectRef Person => User.Subject;

    /// <summary>What the feed tells up to this position is not for it: it was told that elsewhere, has it from <see cref="CaughtUp"/>, or was not there.</summary>
    public long Since { get; set; }

    /// <summary>Whether it was ended for good; a client that comes back begins anew.</summary>
    public bool IsGone => Volatile.Read(ref _isGone);

    /// <summary>Whether everything was told and answered, or nobody is there to whom it could be told.</summary>
    public bool IsClear
    {
        get
        {
            lock (_lock)
            {
                return _current is null || (_catchesUpFrom is null && _waiting is not { Count: > 0 } && _sent is not { Count: > 0 });
            }
        }
    }

    /// <summary>The position in the feed up to which everything was answered; null when nothing is open.</summary>
    public long? AnsweredUpTo
    {
        get
        {
            lock (_lock)
            {
                var open = (_sent ?? []).Select(sent => sent.Event).Concat(_waiting ?? Enumerable.Empty<Outgoing>());
                return open.Where(outgoing => outgoing.Position > 0).Select(outgoing => (long?)outgoing.Position - 1).Append(_catchesUpFrom).Min();
            }
        }
    }

    /// <summary>A connection is there: it gets the events from now on, first those that the one before has not answered.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="as">Its user, whose token may be newer.</param>
    /// <returns>False when the endpoint was ended meanwhile.</returns>
    public bool Attach(Connection connection, Caller.User @as)
    {
        Connection? superfluous;
        lock (_lock)
        {
            if (_isGone)
            {
                return false;
            }

            User = @as;
            superfluous = _former;
            _former = _current;
            _current = connection;
            _switchedAt = clock.GetTimestamp();
            if (_isLossy)
            {
                _isLossy = false;
                connection.Reply(Loss);
            }

            _isSwitching = _former is not null && _sent is { Count: > 0 };
            if (!_isSwitching)
            {
                SendAgain();
            }
        }

        superfluous?.End(Ending.Superfluous);
        connection.Wake();
        return true;
    }

    /// <summary>A connection is over.</summary>
    public void Detach(Connection connection)
    {
        Connection? current = null;
        lock (_lock)
        {
            if (_current == connection)
            {
                _current = null;
                _awaySince = clock.GetTimestamp();
                _isSwitching = false;
                SendAgain();
            }
            else if (_former == connection)
            {
                _former = null;
                current = EndSwitch();
            }
        }

        current?.Wake();
    }

    /// <summary>The client said that it wants no more.</summary>
    /// <returns>Whether it said so on the connection that counts.</returns>
    public bool Leave(Connection connection)
    {
        lock (_lock)
        {
            if (_current != connection)
            {
                return false;
            }

            _isGone = true;
            Clear();
            return true;
        }
    }

    /// <summary>There is something to tell. Never waits.</summary>
    public void Offer(Outgoing outgoing)
    {
        Connection? current;
        var isBehind = false;
        lock (_lock)
        {
            if (_isGone || _isLossy || (outgoing.Position > 0 && outgoing.Position <= Since))
            {
                return;
            }

            (_waiting ??= []).AddLast(outgoing);
            _bytes += outgoing.Text.Length;
            current = _current;
            if (IsTooMuch)
            {
                isBehind = true;
                GiveUp();
            }
        }

        Tell(current, isBehind);
    }

    /// <summary>Has events wait for <see cref="CaughtUp"/>, with what it missed behind this position.</summary>
    public void CatchUpFrom(long position)
    {
        lock (_lock)
        {
            _catchesUpFrom = position;
        }
    }

    /// <summary>What came before everything that waits, from the time when it was away.</summary>
    public void CaughtUp(IReadOnlyList<Outgoing> missed)
    {
        Connection? current;
        var isBehind = false;
        lock (_lock)
        {
            _catchesUpFrom = null;
            current = _current;
            if (_isGone || _isLossy)
            {
                return;
            }

            var first = (_waiting ??= []).First;
            foreach (var outgoing in missed)
            {
                _ = first is null ? _waiting.AddLast(outgoing) : _waiting.AddBefore(first, outgoing);
                _bytes += outgoing.Text.Length;
            }

            if (IsTooMuch)
            {
                isBehind = true;
                GiveUp();
            }
        }

        Tell(current, isBehind);
    }

    private static void Tell(Connection? current, bool isBehind)
    {
        if (isBehind)
        {
            RealtimeMeter.Dropped.Add(1);
            current?.End(Ending.Behind);
        }
        else
        {
            current?.Wake();
        }
    }

    /// <summary>Events may be missing that cannot be told any more.</summary>
    public void Lose()
    {
        Connection? current;
        lock (_lock)
        {
            // Positions may begin anew.
            Since = 0;
            current = _current;
            if (current is null)
            {
                _isLossy = true;
                Clear();
            }
        }

        current?.Reply(Loss);
        current?.Wake();
    }

    /// <summary>The next event for a connection.</summary>
    public bool TryTake(Connection connection, out long number, out EventText text)
    {
        lock (_lock)
        {
            if (_current != connection || _isSwitching || _catchesUpFrom is not null || _waiting?.First is not { } first)
            {
                (number, text) = (0, null!);
                return false;
            }

            _waiting.RemoveFirst();
            number = ++_number;
            text = first.Value.Text;
            (_sent ??= []).Add((number, first.Value));
            return true;
        }
    }

    /// <summary>Whether <see cref="TryTake"/> would give something.</summary>
    public bool Has(Connection connection)
    {
        lock (_lock)
        {
            return _current == connection && !_isSwitching && _catchesUpFrom is null && _waiting is { Count: > 0 };
        }
    }

    /// <summary>The client has answered an event, on whichever connection.</summary>
    /// <returns>Whether there was such an event.</returns>
    public bool Answered(long number)
    {
        Connection? current = null;
        lock (_lock)
        {
            var at = _sent?.FindIndex(sent => sent.Number == number) ?? -1;
            if (at < 0)
            {
                return false;
            }

            _bytes -= _sent![at].Event.Text.Length;
            _sent.RemoveAt(at);
            if (_sent.Count == 0)
            {
                _sent = null;
                current = EndSwitch();
            }
        }

        current?.Wake();
        return true;
    }

    /// <summary>What the passing of time does to it.</summary>
    /// <returns>Whether it is to be forgotten.</returns>
    public bool Tick()
    {
        Connection? woken = null, ended = null;
        var ending = Ending.Silent;
        lock (_lock)
        {
            if (_isGone || (_current is null && clock.GetElapsedTime(_awaySince) > RealtimeLimits.Away))
            {
                _isGone = true;
                Clear();
                return true;
            }

            if (_isSwitching && clock.GetElapsedTime(_switchedAt) > RealtimeLimits.Switch)
            {
                woken = EndSwitch();
            }

            if (_current is { } current)
            {
                if (User.Pass.Expires <= clock.GetUtcNow())
                {
                    (ended, ending) = (current, Ending.Expired);
                }
                else if (current.IsSilent)
                {
                    ended = current;
                }
                else
                {
                    current.GrowOld();
                }
            }

            if (_former is { IsSilent: true } former)
            {
                ended ??= former;
            }
        }

        woken?.Wake();
        ended?.End(ending);
        return false;
    }

    /// <summary>Its user may not any more, the node stops, or another one has the endpoint now.</summary>
    public void EndForGood(Ending ending)
    {
        Connection? current, former;
        lock (_lock)
        {
            _isGone = true;
            Clear();
            (current, former) = (_current, _former);
        }

        current?.End(ending);
        former?.End(ending);
    }

    private bool IsTooMuch => (_waiting?.Count ?? 0) + (_sent?.Count ?? 0) > RealtimeLimits.EventsBehind || _bytes > RealtimeLimits.BytesBehind;

    private void GiveUp()
    {
        Debug.Assert(_lock.IsHeldByCurrentThread, "only under the lock");
        _isLossy = true;
        Clear();
    }

    private void Clear()
    {
        (_waiting, _sent, _bytes) = (null, null, 0);
        _isSwitching = false;
    }

    /// <summary>What was sent on a connection that is over waits again, before everything else.</summary>
    private void SendAgain()
    {
        if (_sent is not { Count: > 0 } sent)
        {
            return;
        }

        _waiting ??= [];
        for (var i = sent.Count - 1; i >= 0; i--)
        {
            _waiting.AddFirst(sent[i].Event);
        }

        _sent = null;
    }

    private Connection? EndSwitch()
    {
        if (!_isSwitching)
        {
            return null;
        }

        _isSwitching = false;
        SendAgain();
        return _current;
    }
}
