using System.Text;

namespace Domicile.Server;

/// <summary>Says of a fault what may be logged: which exceptions, and where. Their messages are left out, since a framework's message can quote an id or a body.</summary>
internal static class FaultText
{
    private const int MaxDepth = 8;

    /// <summary>The exception and what caused it, each with its stack.</summary>
    public static string Of(Exception fault)
    {
        var text = new StringBuilder();
        Exception? each = fault;
        for (var depth = 0; each is not null && depth < MaxDepth; depth++, each = each.InnerException)
        {
            text.Append(depth == 0 ? "" : "\n caused by ").Append(each.GetType().FullName).Append('\n').Append(each.StackTrace);
        }

        return text.ToString();
    }
}
