namespace Domicile.Modules.Http.Rates;

/// <summary>Whose requests are counted together.</summary>
internal enum RateScope
{
    /// <summary>All of one resource.</summary>
    Resource,

    /// <summary>One user's.</summary>
    User,

    /// <summary>All in one thread.</summary>
    Thread,

    /// <summary>One user's in one thread.</summary>
    UserInThread,
}

/// <summary>So many requests of these operations in so much time.</summary>
/// <param name="Operations">The operations that count together; empty for every operation.</param>
/// <param name="Scope">Whose are counted together.</param>
/// <param name="Requests">Requests at most.</param>
/// <param name="Window">In this time.</param>
internal sealed record RateLimit(IReadOnlyList<string> Operations, RateScope Scope, int Requests, TimeSpan Window)
{
    /// <summary>The limit in words, for whoever meets it.</summary>
    public string Text => $"At most {Requests} such requests in {Window.TotalSeconds:0} s for each {Scope switch
    {
        RateScope.Resource => "resource",
        RateScope.User => "user",
        RateScope.Thread => "thread",
        _ => "user and thread",
    }}.";
}
