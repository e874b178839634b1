using Domicile.Modules.Http;

namespace Domicile.Modules.Privacy;

/// <summary>Serves the description of what is below <c>/privacy/</c>. It is about nobody, and open, so that programs can be made from it.</summary>
internal sealed class DescriptionEndpoints
{
    private readonly Operation _own;
    private readonly Lazy<string> _text;

    public DescriptionEndpoints(PrivacyEndpoints privacy, SubjectRequestEndpoints requests)
    {
        _own = new Operation("GET", "/privacy/openapi.json", "Privacy_GetDescription", Access.Open, Get) { Errors = ErrorShape.ProblemDetails, BodyLimit = 4 * 1024, Origin = Origin.Resource };
        _text = new Lazy<string>(() => PrivacyDescription.Of([.. privacy.Operations().Where(operation => operation.Origin == Origin.Resource), .. requests.Operations(), _own]));
    }

    /// <summary>The description.</summary>
    public string Text => _text.Value;

    public IEnumerable<Operation> Operations() => [_own];

    private ValueTask<Reply> Get(Call call, CancellationToken cancel) => new(Reply.Plain("application/json; charset=utf-8", Text));
}
