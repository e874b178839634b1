using System.Collections.Frozen;
using AngleSharp.Dom;
using AngleSharp.Html.Parser;

namespace Domicile.Modules.Chat;

/// <summary>
/// Makes the HTML of a message harmless before it rests: what can show, stays; what can run, load in secret or leave its place, goes. The list is of what is
/// allowed, so that what nobody thought of is not.
/// </summary>
public static class ChatHtml
{
    private static readonly FrozenSet<string> Elements = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "a", "abbr", "at", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins", "kbd",
        "li", "mark", "msft-mention", "ol", "p", "pre", "q", "s", "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th",
        "thead", "tr", "u", "ul");

    /// <summary>Elements that go with all that is in them; of any other that is not allowed, the content stays.</summary>
    private static readonly FrozenSet<string> WithContent = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase,
        "script", "style", "template", "iframe", "object", "embed", "noscript", "svg", "math", "head", "title", "textarea", "select", "audio", "video", "frameset", "applet", "noembed", "noframes", "plaintext", "xmp");

    private static readonly FrozenSet<string> Attributes = FrozenSet.Create(
        StringComparer.OrdinalIgnoreCase, "alt", "class", "colspan", "dir", "displayname", "height", "href", "id", "lang", "rowspan", "src", "title", "width");

    private static readonly FrozenSet<string> Schemes = FrozenSet.Create(StringComparer.OrdinalIgnoreCase, "http", "https", "mailto", "tel");

    /// <summary>Cleans a fragment. Clean HTML comes back as the parser writes it, which differs from the input in spelling at most.</summary>
    public static string Clean(string html)
    {
        var document = new HtmlParser().ParseDocument("");
        var body = document.Body!;
        body.InnerHtml = html;
        foreach (var node in body.ChildNodes.ToList())
        {
            Clean(node, depth: 0);
        }

        return body.InnerHtml;
    }

    /// <summary>Text that was accepted elsewhere: as it is when nothing in it can do harm, else cleaned.</summary>
    /// <returns>The text, and whether something had to go.</returns>
    public static (string Html, bool IsCleaned) Keep(string html)
    {
        var document = new HtmlParser().ParseDocument("");
        document.Body!.InnerHtml = html;
        var cleaned = Clean(html);

        // A browser that reads the one makes of it what it makes of the other.
        return document.Body.InnerHtml == cleaned ? (html, false) : (cleaned, true);
    }

    private static void Clean(INode node, int depth)
    {
        // Deeper than anyone writes by hand: what lies below goes, before the walk itself goes too deep.
        const int depthMax = 100;
        if (node is IText)
        {
            return;
        }

        if (node is not IElement element || depth > depthMax || WithContent.Contains(element.LocalName))
        {
            node.Parent!.RemoveChild(node);
            return;
        }

        foreach (var child in element.ChildNodes.ToList())
        {
            Clean(child, depth + 1);
        }

        if (!Elements.Contains(element.LocalName))
        {
            while (element.FirstChild is { } kept)
            {
                element.Parent!.InsertBefore(kept, element);
            }

            element.Remove();
            return;
        }

        foreach (var attribute in element.Attributes.Where(attribute => !IsHarmless(attribute)).ToList())
        {
            element.RemoveAttribute(attribute.Name);
        }
    }

    private static bool IsHarmless(IAttr attribute)
    {
        if (!Attributes.Contains(attribute.Name))
        {
            return false;
        }

        return attribute.Name is not ("href" or "src")
            || (Uri.TryCreate(attribute.Value.Trim(), UriKind.Absolute, out var target) && Schemes.Contains(target.Scheme));
    }
}
