namespace Domicile.Modules.Events;

/// <summary>
/// What is done to many at once, in the order in which it came: by a task of its own, which begins when something comes and ends when nothing is left. One piece at a time.
/// </summary>
/// <param name="work">Does a piece, of <see cref="EventLimits.Piece"/> at most, and throws nothing. False when it gave up: what is left then stays undone.</param>
internal sealed class Piecework<T>(Func<IReadOnlyList<T>, Task<bool>> work)
{
    private readonly Lock _gate = new();
    private readonly Queue<T> _waiting = new();
    private Task _working = Task.CompletedTask;
    private bool _isWorking;

    /// <summary>How many wait or are under way.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Ends when nothing is left of what has come so far, or the work gave up.</summary>
    public Task Ended
    {
        get
        {
            lock (_gate)
            {
                return _working;
            }
        }
    }

    public void Add(T one)
    {
        lock (_gate)
        {
            _waiting.Enqueue(one);
            if (!_isWorking)
            {
                _isWorking = true;
                _working = Task.Run(Work, CancellationToken.None);
            }
        }
    }

    private async Task Work()
    {
        while (true)
        {
            T[] piece;
            lock (_gate)
            {
                piece = [.. _waiting.Take(EventLimits.Piece)];
                if (piece.Length == 0)
                {
                    _isWorking = false;
                    return;
                }
            }

            var isDone = await work(piece);
            lock (_gate)
            {
                if (!isDone)
                {
                    _isWorking = false;
                    return;
                }

                for (var i = 0; i < piece.Length; i++)
                {
                    _waiting.Dequeue();
                }
            }
        }
    }
}
