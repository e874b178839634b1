using Domicile.Modules.Http;
using Domicile.Modules.Testing;
using Microsoft.Extensions.Logging;

namespace Domicile.Server;

/// <summary>What a server is put together from.</summary>
internal sealed record ServerParts
{
    /// <summary>Everything that is served, of every module. Health is added.</summary>
    public required IReadOnlyList<Operation> Operations { get; init; }

    /// <summary>The resources that this node serves.</summary>
    public required IResourceDirectory Directory { get; init; }

    /// <summary>Checks users' tokens.</summary>
    public required IUserTokens UserTokens { get; init; }

    /// <summary>Checks administrators' tokens.</summary>
    public required IAdministratorTokens AdministratorTokens { get; init; }

    /// <summary>Hears of refused requests; without it nobody does.</summary>
    public IRefusals? Refusals { get; init; }

    /// <summary>Hears of requests of resources that were answered; without it nobody does.</summary>
    public IAnsweredCalls? Answered { get; init; }

    /// <summary>What a test-suite asks for; only in development.</summary>
    public TestBench? Tests { get; init; }

    /// <summary>Answers TLS handshakes.</summary>
    public required ServerCertificates Certificates { get; init; }

    /// <summary>Whether resources are told apart by their loopback port (development) or by their host name (production).</summary>
    public required bool IsDevelopment { get; init; }

    /// <summary>What clients may take.</summary>
    public LimitOptions Limits { get; init; } = new();

    /// <summary>The clock.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>Whether the node takes requests; the server turns it.</summary>
    public Readiness Readiness { get; init; } = new(TimeProvider.System);

    /// <summary>Says where the log goes; without it nowhere. The framework's own lines start at Warning, ours at Information.</summary>
    public Action<ILoggingBuilder>? Logging { get; init; }
}
