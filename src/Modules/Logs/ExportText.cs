using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Domicile.Modules.Logs.Query;

namespace Domicile.Modules.Logs;

/// <summary>Rows as CSV (RFC 4180) or as a JSON object on each line, protected cells opened.</summary>
internal sealed class ExportText
{
    private static readonly SearchValues<char> Quoted = SearchValues.Create("\",\r\n");
    private static readonly SearchValues<char> Formulas = SearchValues.Create("=+-@\t\r");
    private static readonly JsonWriterOptions Writing = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly bool _isCsv;
    private readonly LogTable _table;
    private readonly StringBuilder _text = new();
    private readonly ArrayBufferWriter<byte> _line = new();

    public ExportText(bool isCsv, LogTable table, bool withHead)
    {
        (_isCsv, _table) = (isCsv, table);
        if (isCsv && withHead)
        {
            _text.AppendJoin(',', table.Columns.Select(column => column.Name)).Append("\r\n");
        }
    }

    /// <summary>Adds rows that have all columns of the table.</summary>
    public void Add(LogBatch rows)
    {
        for (var row = 0; row < rows.Count; row++)
        {
            foreach (var cell in rows[row])
            {
                (cell.Sealed as SealedCell)?.Open();
            }

            if (_isCsv)
            {
                AddCsv(rows[row]);
            }
            else
            {
                AddJson(rows[row]);
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => _text.ToString();

    private void AddCsv(ReadOnlySpan<LogValue> cells)
    {
        for (var at = 0; at < cells.Length; at++)
        {
            var text = LogText.Of(_table.Columns[at].Type, cells[at]);
            if (at > 0)
            {
                _text.Append(',');
            }

            // A sheet takes a text that begins so for a formula, and what a client sends of itself could be one.
            var isFormula = _table.Columns[at].Type is LogType.String or LogType.Dynamic && text.Length > 0 && Formulas.Contains(text[0]);
            text = isFormula ? $"'{text}" : text;
            _ = text.AsSpan().ContainsAny(Quoted) ? _text.Append('"').Append(text.Replace("\"", "\"\"", StringComparison.Ordinal)).Append('"') : _text.Append(text);
        }

        _text.Append("\r\n");
    }

    private void AddJson(ReadOnlySpan<LogValue> cells)
    {
        _line.ResetWrittenCount();
        using (var writer = new Utf8JsonWriter(_line, Writing))
        {
            writer.WriteStartObject();
            for (var at = 0; at < cells.Length; at++)
            {
                if (!cells[at].IsNull)
                {
                    writer.WritePropertyName(_table.Columns[at].Name);
                    LogText.Write(writer, _table.Columns[at].Type, cells[at]);
                }
            }

            writer.WriteEndObject();
        }

        _text.Append(Encoding.UTF8.GetString(_line.WrittenSpan)).Append('\n');
    }
}
