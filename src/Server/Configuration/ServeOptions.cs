using Domicile.Modules.Http.Outbound;
using Domicile.Residency;
using Domicile.Storage;

namespace Domicile.Server;

/// <summary>The configuration of production mode: one JSON file, whose settings environment variables can override.</summary>
internal sealed record ServeOptions
{
    [Setting("The data directory: what belongs to the node and, unless said otherwise, a directory for each geography.", IsPath = true, Example = "\"/var/lib/domicile\"")]
    public required string Data { get; init; }

    [Setting("The geographies that this node serves, by name; spaces and case do not matter. For hosts of any other geography the node has no certificate and answers nothing.", AtLeast = 1)]
    public required IReadOnlyDictionary<Geography, GeographyOptions> Geographies { get; init; }

    [Setting("The addresses on which the resources' hosts are listened for, with TLS.", AtLeast = 1)]
    public required IReadOnlyList<ListenOptions> Listen { get; init; }

    [Setting("What clients may take before a request is understood.")]
    public LimitOptions Limits { get; init; } = new();

    [Setting("What the node may call by itself, such as the targets of event subscriptions.")]
    public OutboundOptions Outbound { get; init; } = new();

    [Setting("Where metrics and traces are sent, if anywhere. Metrics can be fetched from the administration origin without it.")]
    public TelemetryOptions Telemetry { get; init; } = new();

    /// <summary>What the operator said of outbound calls.</summary>
    public OutboundRules OutboundRules()
    {
        var own = Listeners().Select(listener => listener.Address.Port).ToHashSet();
        return new OutboundRules { AllowedNetworks = Outbound.AllowedNetworks, IsOwnPort = own.Contains };
    }

    /// <summary>The same options with everything said that was left to be understood.</summary>
    public ServeOptions WithDefaults() => this with
    {
        Geographies = Geographies.ToDictionary(pair => pair.Key, pair =>
        {
            var (geography, options) = pair;
            var directory = Path.Combine(Data, geography.Slug);
            var isShared = options.Stores.Any(store => store.Postgres is not null);
            return options with
            {
                RootKey = options.RootKey ?? (isShared ? null : Path.Combine(directory, "root.key")),
                Stores = options.Stores.Count > 0 ? options.Stores : [new StoreOptions { Name = geography.Slug, Sqlite = directory }],
                Administration = options.Administration with { Name = options.Administration.Name ?? $"admin.{options.Domain}" },
            };
        }),
    };

    /// <summary>What is wrong between settings that are each right; empty when nothing is.</summary>
    public IReadOnlyList<string> Faults()
    {
        var faults = new List<string>();
        foreach (var (geography, options) in Geographies)
        {
            foreach (var (other, otherOptions) in Geographies)
            {
                if (!geography.Equals(other) && IsAtOrBelow(options.Domain, otherOptions.Domain))
                {
                    faults.Add($"geographies.{geography}.domain {options.Domain} is within the domain of {other}. Give each geography a domain of its own.");
                }
            }

            if (!IsAtOrBelow(options.Administration.Name!, options.Domain))
            {
                faults.Add($"geographies.{geography}.administration.name must be {options.Domain} or below it, as the geography's certificates are.");
            }
        }

        faults.AddRange(Twice(Geographies.SelectMany(pair => pair.Value.Stores.Select(store => store.Name)), StringComparer.OrdinalIgnoreCase)
            .Select(name => $"the store name {name} is there twice. Give each store a name of its own."));
        foreach (var (geography, options) in Geographies)
        {
            faults.AddRange(options.Stores.SelectMany((store, i) => store.Faults($"geographies.{geography}.stores[{i}]")));
            if (options.RootKey is null)
            {
                faults.Add($"geographies.{geography}.rootKey is missing: with PostgreSQL it names a file that all nodes of {geography} share, outside the databases and their backups.");
            }
        }

        faults.AddRange(SharedDatabases());
        faults.AddRange(Twice(Geographies.SelectMany(pair => pair.Value.Stores.Select(store => store.Sqlite).OfType<string>().Select(Path.TrimEndingDirectorySeparator)), StringComparer.Ordinal)
            .Select(directory => $"two stores have the directory {directory}. Give each store one of its own."));
        faults.AddRange(Twice(Geographies.Select(pair => pair.Value.RootKey).OfType<string>(), StringComparer.Ordinal)
            .Select(path => $"two geographies have the root key {path}. Give each geography one of its own."));
        faults.AddRange(Twice(Listen.Select(listen => listen.Address.ToString()).Concat(Geographies.Select(pair => pair.Value.Administration.Listen.ToString())), StringComparer.Ordinal)
            .Select(address => $"{address} is to be listened on twice. Give each listener and each administration origin an address or port of its own."));
        faults.AddRange(Telemetry.Faults("telemetry"));
        return faults;
    }

    /// <summary>No database serves two scale units, and no erasure ledger two geographies.</summary>
    private IEnumerable<string> SharedDatabases()
    {
        var stores = Geographies.SelectMany(pair => pair.Value.Stores).Where(store => store.Postgres is not null).ToList();
        for (var i = 0; i < stores.Count; i++)
        {
            PostgresAddress[] mine = [.. new[] { stores[i].Postgres!.Data, stores[i].Postgres!.Keys }.Select(PostgresOptions.Read).OfType<PostgresAddress>()];
            foreach (var other in stores.Skip(i + 1))
            {
                PostgresAddress[] others = [.. new[] { other.Postgres!.Data, other.Postgres!.Keys }.Select(PostgresOptions.Read).OfType<PostgresAddress>()];
                foreach (var shared in mine.Where(address => others.Any(address.IsSameAs)))
                {
                    yield return $"the stores {stores[i].Name} and {other.Name} have the database {shared}. Give each store databases of its own.";
                }

                if (stores[i].Postgres!.ErasureLedger == other.Postgres!.ErasureLedger)
                {
                    yield return $"the stores {stores[i].Name} and {other.Name} have one erasure ledger. Give each store one of its own.";
                }
            }
        }
    }

    /// <summary>The scale units of a geography, the first of which keeps the geography's own records.</summary>
    /// <exception cref="StartupException">A password file cannot be read.</exception>
    public IReadOnlyList<ScaleUnitOptions> ScaleUnits(Geography geography)
    {
        var options = Geographies[geography];
        return
        [
            .. options.Stores.Select((store, i) => new ScaleUnitOptions(geography, store.Sqlite ?? Path.Combine(Data, geography.Slug, store.Name))
            {
                Name = store.Name,

                // Each scale unit ends its epochs by itself, so each has keys of its own.
                RootKeyFile = i == 0 ? options.RootKey : $"{options.RootKey}.{store.Name}",
                TakesResources = store.TakesResources,
                Postgres = store.Postgres?.Store($"geographies.{geography}.stores[{i}].postgres"),
            }),
        ];
    }

    /// <summary>The files of every certificate.</summary>
    public IReadOnlyList<CertificateFiles> CertificateFiles() =>
        [.. Geographies.SelectMany(pair => pair.Value.Certificates.Select(files => new CertificateFiles(pair.Key, pair.Value.Domain, files.Certificate, files.Key)))];

    /// <summary>Every address to listen on: those of the resources, then the administration origin of each geography.</summary>
    public IReadOnlyList<Listener> Listeners() =>
    [
        .. Listen.Select(listen => new Listener(listen.Address) { Fronts = listen.Fronts }),
        .. Geographies.Select(pair => new Listener(pair.Value.Administration.Listen) { Administration = pair.Key, AdministrationName = pair.Value.Administration.Name }),
    ];

    private static bool IsAtOrBelow(string name, string domain) =>
        name.Equals(domain, StringComparison.Ordinal) || name.EndsWith("." + domain, StringComparison.Ordinal);

    private static IEnumerable<string> Twice(IEnumerable<string> values, StringComparer comparer) =>
        values.GroupBy(value => value, comparer).Where(same => same.Count() > 1).Select(same => same.Key);
}
