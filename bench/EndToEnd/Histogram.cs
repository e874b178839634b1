using System.Diagnostics;
using System.Numerics;

namespace Domicile.Bench.EndToEnd;

/// <summary>Latencies in buckets that are at most 3 % wide.</summary>
internal sealed class Histogram
{
    private const int Fine = 32;
    private const int FineBits = 5;
    private readonly long[] _buckets = new long[Fine * 40];

    public long Count { get; private set; }

    public void Add(long ticks)
    {
        var micros = (ulong)(ticks * 1_000_000.0 / Stopwatch.Frequency);
        var shift = Math.Max(0, BitOperations.Log2(micros | 1) - FineBits);
        _buckets[(shift * Fine) + (int)(micros >> shift)]++;
        Count++;
    }

    public void Add(Histogram other)
    {
        for (var i = 0; i < _buckets.Length; i++)
        {
            _buckets[i] += other._buckets[i];
        }

        Count += other.Count;
    }

    /// <summary>The latency in milliseconds that so much of all stayed under.</summary>
    public double Percentile(double part)
    {
        var wanted = (long)Math.Ceiling(Count * part);
        var seen = 0L;
        for (var i = 0; i < _buckets.Length; i++)
        {
            seen += _buckets[i];
            if (seen >= wanted && _buckets[i] > 0)
            {
                // The buckets of a shift above 0 begin at 32, those of shift 0 at 0.
                var shift = i < 2 * Fine ? 0 : (i / Fine) - 1;
                var micros = (long)(i - (shift * Fine)) << shift;
                return (micros + (1L << shift)) / 1000.0;
            }
        }

        return 0;
    }
}
