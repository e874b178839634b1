using System.Globalization;
using Domicile.Modules.Http;
using Domicile.Residency;

namespace Domicile.Modules.Chat;

/// <summary>What a request for a list asks for.</summary>
/// <param name="Size">Entries at most.</param>
/// <param name="Since">Only what happened from this instant on; null for all.</param>
internal readonly record struct Page(int Size, DateTimeOffset? Since)
{
    /// <summary>Reads <c>maxPageSize</c> and <c>startTime</c>. A page larger than the limit is cut to it, as in ACS.</summary>
    public static bool TryRead(Call call, out Page page, out Problem? problem)
    {
        page = new Page(ChatLimits.Page, null);
        problem = null;
        if (call.Query("maxPageSize") is { } size)
        {
            if (!int.TryParse(size, NumberStyles.None, CultureInfo.InvariantCulture, out var asked) || asked < 1)
            {
                problem = HttpProblems.BadParameter("maxPageSize", "a number from 1");
                return false;
            }

            page = page with { Size = Math.Min(asked, ChatLimits.Page) };
        }

        if (call.Query("startTime") is { } start)
        {
            if (!WireTime.TryParse(start, out var since))
            {
                problem = HttpProblems.BadParameter("startTime", "an instant such as 2026-01-01T00:00:00Z");
                return false;
            }

            page = page with { Since = since };
        }

        return true;
    }

    /// <summary>Reads <c>skip</c>.</summary>
    public static bool TryReadSkip(Call call, out int skip, out Problem? problem)
    {
        skip = 0;
        problem = call.Query("skip") is { } asked && !int.TryParse(asked, NumberStyles.None, CultureInfo.InvariantCulture, out skip)
            ? HttpProblems.BadParameter("skip", "a number from 0")
            : null;
        return problem is null;
    }

    /// <summary>The link to what follows: relative, with every parameter of this request.</summary>
    public string Next(string path, string continuation, string version) =>
        $"{path}?maxPageSize={Size.ToString(CultureInfo.InvariantCulture)}{(Since is { } since ? $"&startTime={since.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}" : "").Replace(":", "%3A", StringComparison.Ordinal)}&{continuation}&api-version={version}";
}
