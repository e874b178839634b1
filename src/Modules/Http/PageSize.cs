using System.Globalization;
using Domicile.Residency;

namespace Domicile.Modules.Http;

/// <summary>How many of a list a caller wants in a page: <c>maxPageSize</c>.</summary>
internal static class PageSize
{
    /// <summary>What a caller asked for.</summary>
    /// <param name="call">The call.</param>
    /// <param name="usual">What they get who ask for nothing.</param>
    /// <param name="most">What they may ask for at most.</param>
    /// <returns>Null when it is no number from 1 to that.</returns>
    public static int? Of(Call call, int usual, int most) =>
        call.Query("maxPageSize") is not { } asked ? usual
        : int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out var size) && size >= 1 && size <= most ? size
        : null;

    /// <summary>What is said of any other.</summary>
    public static Problem Bad(int most) => HttpProblems.BadParameter("maxPageSize", $"a number from 1 to {most}");
}
