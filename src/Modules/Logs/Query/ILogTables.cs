namespace Domicile.Modules.Logs.Query;

/// <summary>The tables of one resource, as a query sees them: the seam between the language and whoever stores the rows.</summary>
internal interface ILogTables
{
    /// <summary>The table of that name; null when there is none. Case matters.</summary>
    LogTable? Find(string name);

    /// <summary>The token under which that identifier rests in columns of <see cref="LogProtection.Person"/>. Needs no waiting: the key is there when the tables are.</summary>
    LogToken TokenOf(string identifier);

    /// <summary>Whether the caller may have cells of that protected column opened. It is asked before anything is read.</summary>
    bool MayOpen(LogTable table, LogColumn column);

    /// <summary>
    /// Reads rows, in any order, in batches of about <see cref="LogBatch.UsualRows"/>. A batch is its reader's, which may alter it. The reader may stop before the end.
    /// </summary>
    IAsyncEnumerable<LogBatch> Read(LogScan scan, CancellationToken cancel);

    /// <summary>
    /// Opens cells that were read before: sets their <see cref="LogSealed.Text"/>, and leaves it null where the key is gone. It is asked for cells of columns that the query names
    /// and <see cref="MayOpen"/> allows, for a batch of rows at a time.
    /// </summary>
    ValueTask Open(IReadOnlyList<LogSealed> cells, CancellationToken cancel);
}
