using System.Reflection;
using System.Text.RegularExpressions;
using Domicile.Modules.Http;
using Domicile.Residency;
using Domicile.Storage;
using Domicile.Storage.Engine;

namespace Domicile.Tests.Architecture;

/// <summary>The arrows of the house, as functions over facts. Each returns what is wrong, in sentences; nothing when all is well.</summary>
internal static partial class Fences
{
    /// <summary>From the top to the bottom: each may use what comes after it.</summary>
    public static readonly string[] Layers = ["domicile", "Domicile.Server", "Domicile.Modules", "Domicile.Storage", "Domicile.Residency"];

    private const string Modules = "Domicile.Modules.";

    private static readonly string[] Databases = ["System.Data", "Microsoft.Data", "Dapper", "SQLitePCL", "Npgsql"];
    private static readonly string[] BeyondResidency =
        [.. Databases, "Microsoft.AspNetCore", "Microsoft.Extensions.Logging", "Microsoft.Extensions.Hosting", "System.Net.Http", "System.Net.Sockets", "System.Diagnostics.Tracing"];

    /// <summary>A project refers to the next one below it, and to no other of ours.</summary>
    public static IEnumerable<string> OfProjects(IEnumerable<(string Project, string Reference)> references) =>
        from pair in references
        let at = Array.FindIndex(Layers, layer => NameOf(layer) == pair.Project)
        where at < 0 || at + 1 == Layers.Length || NameOf(Layers[at + 1]) != pair.Reference
        select $"src/{pair.Project} refers to {pair.Reference}. Arrows run {string.Join(" → ", Layers.Select(NameOf))}, one step at a time.";

    /// <summary>A type uses types of its own layer and of those below.</summary>
    public static IEnumerable<string> OfLayers(IEnumerable<UseFact> uses) =>
        from use in uses
        let user = Array.IndexOf(Layers, use.User.Assembly)
        let used = Array.IndexOf(Layers, use.Used.Assembly)
        where user >= 0 && used >= 0 && used < user
        select $"{use.User} uses {use.Used}, which is above it.";

    /// <summary>The heart knows no database, no web and no logging.</summary>
    public static IEnumerable<string> OfResidency(IEnumerable<UseFact> uses) =>
        from use in uses
        where use.User.Assembly == "Domicile.Residency" && BeyondResidency.Any(beyond => IsIn(use.Used.Namespace, beyond))
        select $"{use.User} uses {use.Used}; the heart is pure.";

    /// <summary>Storage knows no web.</summary>
    public static IEnumerable<string> OfStorage(IEnumerable<UseFact> uses) =>
        from use in uses
        where use.User.Assembly == "Domicile.Storage" && IsIn(use.Used.Namespace, "Microsoft.AspNetCore")
        select $"{use.User} uses {use.Used}; storage knows no web.";

    /// <summary>Modules meet at what they publish; what all share is in Http.</summary>
    public static IEnumerable<string> OfModules(IEnumerable<UseFact> uses) =>
        from use in uses
        where use.User.Assembly == "Domicile.Modules" && use.Used.Assembly == "Domicile.Modules" && !use.IsPublic
        let user = ModuleOf(use.User)
        let used = ModuleOf(use.Used)
        where user is not null && used is not null && user != used && used != "Http"
        select $"{use.User} uses {use.Used}, which {used} does not publish.";

    /// <summary>What is common ground must not know who stands on it.</summary>
    public static IEnumerable<string> OfCommonGround(IEnumerable<UseFact> uses) =>
        from use in uses
        where use.User.Assembly == "Domicile.Modules" && ModuleOf(use.User) == "Http" && ModuleOf(use.Used) is { } used && used != "Http"
        select $"{use.User} uses {use.Used}; Http is what modules share and knows none of them.";

    /// <summary>Databases are spoken to in Storage and in the store files of modules.</summary>
    public static IEnumerable<string> OfSql(IEnumerable<UseFact> uses) =>
        from use in uses
        where Layers.Contains(use.User.Assembly) && use.User.Assembly != "Domicile.Storage" && Databases.Any(database => IsIn(use.Used.Namespace, database))
        where use.User.Assembly != "Domicile.Modules" || !use.User.Name.EndsWith("Store", StringComparison.Ordinal)
        select $"{use.User} uses {use.Used}; SQL is written in Storage and in a module's store file.";

    /// <summary>Only the host opens scale units; everyone else is handed a home.</summary>
    public static IEnumerable<string> OfScaleUnits(IEnumerable<UseFact> uses) =>
        from use in uses
        where use.Used.Assembly == "Domicile.Storage" && use.Used.Name is "ScaleUnit" or "ScaleUnitOptions"
        where use.User.Assembly is not ("Domicile.Storage" or "Domicile.Server")
        select $"{use.User} names {use.Used}; a home is the only way to storage.";

    /// <summary>Of what Storage publishes, only these give a way to data.</summary>
    public static IEnumerable<string> OfDoors(IEnumerable<(string Member, Type Gives)> members, IReadOnlySet<string> doors) =>
        from member in members
        where Ways.Any(way => Mentions(member.Gives, way)) && !doors.Contains(member.Member)
        select $"{member.Member} gives {member.Gives}; the doors to storage are {string.Join(", ", doors.Order(StringComparer.Ordinal))}.";

    /// <summary>Every module is in the visible list.</summary>
    public static IEnumerable<string> OfModuleList(IEnumerable<Type> types, IEnumerable<IModule> listed)
    {
        var known = listed.Select(module => module.GetType()).ToHashSet();
        return types.Where(type => type is { IsAbstract: false, IsInterface: false } && type.IsAssignableTo(typeof(IModule)) && !known.Contains(type))
            .Select(type => $"{type} is a module and not in the list of modules.");
    }

    /// <summary>Every declared record is in the catalogue.</summary>
    public static IEnumerable<string> OfRecords(IEnumerable<Type> types, IEnumerable<Type> catalogued)
    {
        var known = catalogued.ToHashSet();
        return types.Where(type => type.GetCustomAttribute<RecordAttribute>() is not null && !known.Contains(type)).Select(type => $"{type} is declared as a record and not in the catalogue.");
    }

    /// <summary>No person is named in a plain column, and each kind that is somebody's says what erasure does to it and when it ends.</summary>
    public static IEnumerable<string> OfKinds(IEnumerable<KindFact> kinds)
    {
        foreach (var kind in kinds)
        {
            var people = kind.Members.Where(member => member.IsPerson).ToList();
            foreach (var member in people.Where(member => member.IsMarkedPlain))
            {
                yield return $"{kind.Name}.{member.Name} is a person and marked plain; a person is [Owner], [Subject] or sealed.";
            }

            if (people.Any(member => member.IsColumn) && kind.Erasure == ErasureRule.None)
            {
                yield return $"{kind.Name} is about a person and does not say what their erasure does to it.";
            }

            if (!kind.Ends)
            {
                yield return $"{kind.Name} has a retention without anything that it counts from.";
            }
        }
    }

    /// <summary>Plain text is where an identifier of a person would creep in: each such column was looked at and is named here.</summary>
    public static IEnumerable<string> OfPlainText(IEnumerable<KindFact> kinds, IReadOnlySet<string> reviewed) =>
        from kind in kinds
        from member in kind.Members
        let name = $"{kind.Name}.{member.Name}"
        where member is { IsColumn: true, IsText: true } && !reviewed.Contains(name)
        select $"{name} is plain text at rest. Can it hold a name, number or address of a person? Seal it, or put it on the reviewed list with the reason.";

    /// <summary>Every operation can be spoken of by a name of its own, and says who may call it.</summary>
    public static IEnumerable<string> OfOperations(IReadOnlyList<Operation> operations)
    {
        foreach (var operation in operations)
        {
            if (!OperationName().IsMatch(operation.Name))
            {
                yield return $"{operation.Method} {operation.Path} is called '{operation.Name}', which is not Group_Action.";
            }

            if (operation.Access is null)
            {
                yield return $"{operation.Name} does not say who may call it.";
            }
            else if (operation.Access.Kind is AccessKind.Application or AccessKind.User && operation is { Errors: ErrorShape.Acs, Versions.Count: 0 })
            {
                yield return $"{operation.Name} answers as ACS does and has no API version.";
            }
        }

        foreach (var same in operations.GroupBy(operation => operation.Name).Where(same => same.Count() > 1))
        {
            yield return $"{same.Count()} operations are called {same.Key}.";
        }

        foreach (var fault in Domicile.Server.OperationList.FaultsOf(operations))
        {
            yield return fault;
        }
    }

    private static readonly Type[] Ways =
    [
        typeof(IStoreEngine), typeof(System.Data.Common.DbConnection), typeof(ScaleUnit), typeof(ScaleUnitAdministration), typeof(Home), typeof(HomeStore),
    ];

    private static bool Mentions(Type type, Type way) =>
        type == way || way.IsAssignableFrom(type) || (type.HasElementType && Mentions(type.GetElementType()!, way)) || type.GetGenericArguments().Any(argument => Mentions(argument, way));

    private static string NameOf(string layer) => layer == "domicile" ? "Cli" : layer["Domicile.".Length..];

    private static string? ModuleOf(TypeFact type) => type.Namespace.StartsWith(Modules, StringComparison.Ordinal) ? type.Namespace[Modules.Length..].Split('.')[0] : null;

    private static bool IsIn(string name, string parent) => name == parent || name.StartsWith(parent + ".", StringComparison.Ordinal);

    [GeneratedRegex(@"\A[A-Z][A-Za-z]+_[A-Z][A-Za-z]+\z")]
    private static partial Regex OperationName();
}

/// <summary>A kind of record as a rule sees it.</summary>
internal sealed record KindFact(string Name, ErasureRule Erasure, bool Ends, IReadOnlyList<MemberFact> Members)
{
    public static KindFact Of(RecordKind kind) => new(
        kind.Name,
        kind.Erasure,
        kind.Retention switch
        {
            Retention.UntilDeleted => true,
            Retention.WithParent => kind.ParentColumn >= 0,
            Retention.FixedAge => kind.ExpiryColumn >= 0 && kind.Age > TimeSpan.Zero,
            Retention.StoredDate => kind.ExpiryColumn >= 0,
            _ => false,
        },
        [.. kind.ClrType.GetProperties().Select(property => MemberFact.Of(property, kind.Columns.Any(column => column.Member == property.Name)))]);
}

/// <summary>A member of a record as a rule sees it.</summary>
internal sealed record MemberFact(string Name, bool IsPerson, bool IsColumn, bool IsMarkedPlain, bool IsText)
{
    public static MemberFact Of(PropertyInfo property, bool isColumn) => new(
        property.Name,
        IsOrHolds(property.PropertyType, typeof(SubjectRef)),
        isColumn,
        property.GetCustomAttribute<PlainAttribute>() is not null,
        IsOrHolds(property.PropertyType, typeof(string)) || property.PropertyType == typeof(byte[]));

    private static bool IsOrHolds(Type type, Type sought) => type == sought || type.GetGenericArguments().Any(argument => IsOrHolds(argument, sought));
}
