namespace Domicile.Modules.Administration;

/// <summary>What an administrator may do. None of them opens content.</summary>
public static class AdministratorRole
{
    /// <summary>Everything, access keys included.</summary>
    public const string Owner = "owner";

    /// <summary>Resources and the running of the platform.</summary>
    public const string Operator = "operator";

    /// <summary>People's data: who is known, and later what about them.</summary>
    public const string Privacy = "privacy";

    /// <summary>Reading what is no secret.</summary>
    public const string Reader = "reader";

    /// <summary>Every role.</summary>
    public static IReadOnlyList<string> All { get; } = [Owner, Operator, Privacy, Reader];
}
