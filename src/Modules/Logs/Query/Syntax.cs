namespace Domicile.Modules.Logs.Query;

/// <summary>A piece of a parsed query.</summary>
/// <param name="At">Where it begins in the text.</param>
internal abstract record Syntax(int At);

/// <summary>An expression for one value.</summary>
internal abstract record ScalarSyntax(int At) : Syntax(At)
{
    /// <summary>How deep the tree below is, itself included.</summary>
    public int Depth { get; init; } = 1;
}

/// <summary>A column or a <c>let</c> name.</summary>
internal sealed record NameSyntax(int At, string Name) : ScalarSyntax(At);

/// <summary>A literal.</summary>
internal sealed record LiteralSyntax(int At, LogType Type, LogValue Value) : ScalarSyntax(At);

/// <summary><c>*</c> as an argument.</summary>
internal sealed record StarSyntax(int At) : ScalarSyntax(At);

/// <summary><c>typeof(long)</c>.</summary>
internal sealed record TypeSyntax(int At, LogType Type) : ScalarSyntax(At);

/// <summary>A call of a function or aggregate.</summary>
internal sealed record CallSyntax(int At, string Name, IReadOnlyList<ScalarSyntax> Arguments) : ScalarSyntax(At);

/// <summary>A sign or not before an expression.</summary>
internal sealed record UnarySyntax(int At, ScalarSyntax Of) : ScalarSyntax(At);

/// <summary>Two expressions and an operator between them: arithmetic, comparison or one on texts. <paramref name="At"/> is the operator's place.</summary>
internal sealed record BinarySyntax(int At, string Operator, ScalarSyntax Left, ScalarSyntax Right) : ScalarSyntax(At);

/// <summary>Several conditions with <c>and</c> or <c>or</c> between them.</summary>
internal sealed record LogicSyntax(int At, bool IsAnd, IReadOnlyList<ScalarSyntax> Terms) : ScalarSyntax(At);

/// <summary><c>in</c>, <c>!in</c>, <c>in~</c>, <c>!in~</c>, <c>has_any</c>, <c>has_all</c> and a list.</summary>
internal sealed record ListSyntax(int At, string Operator, ScalarSyntax Subject, IReadOnlyList<ScalarSyntax> List) : ScalarSyntax(At);

/// <summary><c>between (low .. high)</c>.</summary>
internal sealed record BetweenSyntax(int At, bool IsNegated, ScalarSyntax Subject, ScalarSyntax Low, ScalarSyntax High) : ScalarSyntax(At);

/// <summary><c>bag.member</c>.</summary>
internal sealed record MemberSyntax(int At, ScalarSyntax Of, string Name) : ScalarSyntax(At);

/// <summary><c>of[index]</c>.</summary>
internal sealed record IndexSyntax(int At, ScalarSyntax Of, ScalarSyntax Index) : ScalarSyntax(At);

/// <summary>An expression with the names that its values get; none when the query gives none.</summary>
internal sealed record NamedSyntax(int At, IReadOnlyList<string> Names, ScalarSyntax Value) : Syntax(At);

/// <summary>A sort key.</summary>
internal sealed record OrderSyntax(int At, ScalarSyntax Value, bool IsDescending, bool NullsFirst) : Syntax(At);

/// <summary>A source and the operators that it flows through.</summary>
internal sealed record PipelineSyntax(int At, Syntax Source, IReadOnlyList<Syntax> Operators) : Syntax(At);

/// <summary>A table or a <c>let</c> name.</summary>
internal sealed record TableSyntax(int At, string Name) : Syntax(At);

/// <summary><c>union a, (b | …)</c>; as an operator, what flows in is the first. A fuzzy one leaves out tables that are not there.</summary>
internal sealed record UnionSyntax(int At, string? SourceColumn, bool InnerColumns, bool IsFuzzy, IReadOnlyList<PipelineSyntax> Others) : Syntax(At);

/// <summary><c>print a = 1, …</c>.</summary>
internal sealed record PrintSyntax(int At, IReadOnlyList<NamedSyntax> Items) : Syntax(At);

/// <summary><c>datatable (a: long) [1, 2]</c>.</summary>
internal sealed record DataTableSyntax(int At, IReadOnlyList<LogResultColumn> Columns, IReadOnlyList<ScalarSyntax> Cells) : Syntax(At);

/// <summary><c>range x from 1 to 10 step 1</c>.</summary>
internal sealed record RangeSyntax(int At, string Name, ScalarSyntax From, ScalarSyntax To, ScalarSyntax Step) : Syntax(At);

/// <summary><c>where</c>.</summary>
internal sealed record WhereSyntax(int At, ScalarSyntax Condition) : Syntax(At);

/// <summary><c>project</c> and <c>extend</c>.</summary>
internal sealed record ProjectSyntax(int At, bool IsExtend, IReadOnlyList<NamedSyntax> Items) : Syntax(At);

/// <summary><c>project-away</c>, <c>project-keep</c> and <c>project-reorder</c>: names, where <c>*</c> at the end stands for any characters.</summary>
internal sealed record PickSyntax(int At, string Operator, IReadOnlyList<NameSyntax> Names) : Syntax(At);

/// <summary><c>project-rename new = old</c>.</summary>
internal sealed record RenameSyntax(int At, IReadOnlyList<(NameSyntax New, NameSyntax Old)> Names) : Syntax(At);

/// <summary><c>summarize … by …</c>.</summary>
internal sealed record SummarizeSyntax(int At, IReadOnlyList<NamedSyntax> Aggregates, IReadOnlyList<NamedSyntax> Keys) : Syntax(At);

/// <summary><c>count</c>.</summary>
internal sealed record CountSyntax(int At) : Syntax(At);

/// <summary><c>order by</c>.</summary>
internal sealed record SortSyntax(int At, IReadOnlyList<OrderSyntax> Keys) : Syntax(At);

/// <summary><c>take</c>.</summary>
internal sealed record TakeSyntax(int At, ScalarSyntax Rows) : Syntax(At);

/// <summary><c>top n by …</c>.</summary>
internal sealed record TopSyntax(int At, ScalarSyntax Rows, IReadOnlyList<OrderSyntax> Keys) : Syntax(At);

/// <summary><c>distinct a, b</c> or <c>distinct *</c>, for which the list is empty.</summary>
internal sealed record DistinctSyntax(int At, IReadOnlyList<NamedSyntax> Items) : Syntax(At);

/// <summary><c>join kind=… (…) on …</c>: pairs of a left and a right column.</summary>
internal sealed record JoinSyntax(int At, string Kind, PipelineSyntax Right, IReadOnlyList<(NameSyntax Left, NameSyntax Right)> On) : Syntax(At);

/// <summary><c>render columnchart with (…)</c>.</summary>
internal sealed record RenderSyntax(int At, LogRender Render) : Syntax(At);

/// <summary><c>let name = …</c>: one value or a table.</summary>
internal sealed record LetSyntax(int At, string Name, Syntax Value) : Syntax(At);

/// <summary>A whole query.</summary>
internal sealed record QuerySyntax(int At, IReadOnlyList<LetSyntax> Lets, PipelineSyntax Pipeline) : Syntax(At);
