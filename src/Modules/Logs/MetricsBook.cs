using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;

namespace Domicile.Modules.Logs;

/// <summary>
/// Keeps the sums of what the product's meters measure, and writes them as Prometheus reads them (text exposition format 0.0.4). Attributes are names of operations, states and
/// reasons; no meter has ids.
/// </summary>
internal sealed class MetricsBook : IDisposable
{
    /// <summary>The content type of the text.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>What the names of the product's meters begin with.</summary>
    public const string Ours = "Domicile.";

    /// <summary>Different series at most; further ones are not kept.</summary>
    public const int SeriesMax = 10_000;

    private static readonly double[] Buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    private readonly ConcurrentDictionary<SeriesKey, Series> _series = new();
    private readonly MeterListener _listener = new();

    /// <summary>Begins to listen.</summary>
    public void Start()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name.StartsWith(Ours, StringComparison.Ordinal))
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        _listener.Start();
    }

    /// <inheritdoc/>
    public void Dispose() => _listener.Dispose();

    /// <summary>Everything, in the order of the names.</summary>
    public string Write()
    {
        _listener.RecordObservableInstruments();
        var text = new StringBuilder();
        foreach (var instrument in _series.ToArray().GroupBy(pair => pair.Key.Instrument).OrderBy(group => group.Key.Name, StringComparer.Ordinal))
        {
            var name = NameOf(instrument.Key);
            text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {Escape(instrument.Key.Description ?? "")}\n");
            text.Append(CultureInfo.InvariantCulture, $"# TYPE {name} {TypeOf(instrument.Key)}\n");
            foreach (var (key, series) in instrument.OrderBy(pair => pair.Key.Labels, StringComparer.Ordinal))
            {
                series.Write(text, name, key.Labels);
            }
        }

        return text.ToString();
    }

    private void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var (first, second, third) = (tags.Length > 0 ? tags[0] : default, tags.Length > 1 ? tags[1] : default, tags.Length > 2 ? tags[2] : default);
        var key = new SeriesKey(instrument, first.Key, first.Value, second.Key, second.Value, third.Key, third.Value);
        if (!_series.TryGetValue(key, out var series))
        {
            if (_series.Count >= SeriesMax)
            {
                return;
            }

            series = _series.GetOrAdd(key, static key => new Series(IsHistogram(key.Instrument), IsObserved(key.Instrument)));
        }

        series.Add(value);
    }

    private static bool IsHistogram(Instrument instrument) => instrument.GetType().GetGenericTypeDefinition() == typeof(Histogram<>);

    private static bool IsObserved(Instrument instrument) => instrument.IsObservable || instrument.GetType().GetGenericTypeDefinition() == typeof(Gauge<>);

    private static bool IsCounter(Instrument instrument) => instrument.GetType().GetGenericTypeDefinition() is var type && (type == typeof(Counter<>) || type == typeof(ObservableCounter<>));

    private static string TypeOf(Instrument instrument) => IsHistogram(instrument) ? "histogram" : IsCounter(instrument) ? "counter" : "gauge";

    /// <summary>Dots become underscores, a unit of time is said, and a counter ends in _total, as the format's readers expect.</summary>
    private static string NameOf(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_').Replace('-', '_');
        name = instrument.Unit == "s" ? $"{name}_seconds" : name;
        return IsCounter(instrument) ? $"{name}_total" : name;
    }

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    /// <summary>Names and values by themselves: a pair has no hash of its own, and this is looked up with every request.</summary>
    private readonly record struct SeriesKey(Instrument Instrument, string? Name1, object? Value1, string? Name2, object? Value2, string? Name3, object? Value3)
    {
        public string Labels =>
            string.Join(',', new (string? Name, object? Value)[] { (Name1, Value1), (Name2, Value2), (Name3, Value3) }
                .Where(tag => tag.Name is not null).Select(tag => $"{tag.Name!.Replace('.', '_')}=\"{Quote(tag.Value)}\""));

        private static string Quote(object? value) => Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "").Replace("\"", "\\\"", StringComparison.Ordinal);
    }

    private sealed class Series
    {
        private readonly Lock _lock = new();
        private readonly bool _isHistogram;
        private readonly bool _isObserved;
        private readonly long[] _counts;
        private double _sum;

        public Series(bool isHistogram, bool isObserved)
        {
            (_isHistogram, _isObserved) = (isHistogram, isObserved);
            _counts = isHistogram ? new long[Buckets.Length + 1] : [];
        }

        public void Add(double value)
        {
            lock (_lock)
            {
                _sum = _isObserved ? value : _sum + value;
                if (_isHistogram)
                {
                    var at = 0;
                    while (at < Buckets.Length && value > Buckets[at])
                    {
                        at++;
                    }

                    _counts[at]++;
                }
            }
        }

        public void Write(StringBuilder text, string name, string labels)
        {
            lock (_lock)
            {
                var own = labels.Length > 0 ? $"{{{labels}}}" : "";
                if (!_isHistogram)
                {
                    text.Append(CultureInfo.InvariantCulture, $"{name}{own} {_sum:R}\n");
                    return;
                }

                var so = 0L;
                for (var at = 0; at <= Buckets.Length; at++)
                {
                    so += _counts[at];
                    var edge = at < Buckets.Length ? Buckets[at].ToString("R", CultureInfo.InvariantCulture) : "+Inf";
                    text.Append(CultureInfo.InvariantCulture, $"{name}_bucket{{{(labels.Length > 0 ? labels + "," : "")}le=\"{edge}\"}} {so}\n");
                }

                text.Append(CultureInfo.InvariantCulture, $"{name}_sum{own} {_sum:R}\n{name}_count{own} {so}\n");
            }
        }
    }
}
