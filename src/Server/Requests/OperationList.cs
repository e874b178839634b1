using Domicile.Modules.Http;

namespace Domicile.Server;

/// <summary>Looks whether a list of operations holds together, before anything is served.</summary>
internal static class OperationList
{
    private const int LargestBody = 64 * 1024 * 1024;

    /// <summary>Everything that is wrong with the list; empty when nothing is.</summary>
    public static IReadOnlyList<string> FaultsOf(IReadOnlyList<Operation> operations)
    {
        var faults = new List<string>();
        foreach (var operation in operations)
        {
            var access = operation.Access;
            if (!operation.Path.StartsWith('/') || operation.Path.StartsWith("//", StringComparison.Ordinal))
            {
                faults.Add($"{operation.Name}: its path must start with one slash.");
            }

            if (operation.Method is not ("GET" or "POST" or "PUT" or "PATCH" or "DELETE"))
            {
                faults.Add($"{operation.Name}: {operation.Method} is no method that operations have.");
            }

            if (access.Kind is AccessKind.Application or AccessKind.User && operation.Origin != Origin.Resource)
            {
                faults.Add($"{operation.Name}: applications and users call resources, not the administration origin.");
            }

            // A customer's privacy officer reaches what concerns the resource at the resource itself, and whoever queries its logs does.
            var isOfResource = access.Kind == AccessKind.Administrator
                && (operation.Path.StartsWith("/privacy/", StringComparison.Ordinal) || operation.Path.StartsWith("/v1/", StringComparison.Ordinal));
            if (access.Kind is AccessKind.Administrator or AccessKind.Credential && operation.Origin != Origin.Administration && !isOfResource)
            {
                faults.Add($"{operation.Name}: administrators call the administration origin only, and below /privacy/ and /v1/ a resource.");
            }

            if (access.Kind == AccessKind.User && access.Scopes.Count == 0)
            {
                faults.Add($"{operation.Name}: no scope opens it.");
            }

            if (access.Kind == AccessKind.Administrator && access.Roles.Count == 0)
            {
                faults.Add($"{operation.Name}: no role opens it.");
            }

            if (operation.BodyLimit is < 0 or > LargestBody)
            {
                faults.Add($"{operation.Name}: its body limit must be between 0 and {LargestBody} bytes.");
            }
        }

        faults.AddRange(operations.GroupBy(operation => (operation.Origin, operation.Method, Path: Shape(operation.Path)))
            .Where(same => same.Count() > 1)
            .Select(same => $"{string.Join(" and ", same.Select(operation => operation.Name))} have the same method and path."));
        return faults;
    }

    // Two templates that differ only in the names of their parts match the same paths.
    private static string Shape(string path) =>
        string.Join('/', path.ToLowerInvariant().Split('/').Select(part => part.StartsWith('{') && part.EndsWith('}') ? "{}" : part));
}
