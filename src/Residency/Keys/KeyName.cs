namespace Domicile.Residency;

/// <summary>Names one key of the key store.</summary>
/// <param name="Scope">What it belongs to: <see cref="Subject"/>, <see cref="Resource"/>, <see cref="Index"/>, <see cref="Signing"/>, or the name of a kind whose records are parents.</param>
/// <param name="Id">The handle, the resource's number or the parent's key.</param>
public readonly record struct KeyName(string Scope, long Id)
{
    /// <summary>A person's key: whoever is erased, this key dies.</summary>
    public const string Subject = "subject";

    /// <summary>A resource's key: the parent of every record that has no other.</summary>
    public const string Resource = "resource";

    /// <summary>The key of the blind indexes.</summary>
    public const string Index = "index";

    /// <summary>A key that signs tokens.</summary>
    public const string Signing = "signing";

    /// <summary>The key of a person.</summary>
    public static KeyName Of(SubjectRef subject) => new(Subject, subject.Value);

    /// <summary>The key of a resource.</summary>
    public static KeyName OfResource(long number) => new(Resource, number);

    /// <summary>By the id alone: ids are random or many, scopes are few, and keys are looked up for every record.</summary>
    public override int GetHashCode() => Id.GetHashCode();

    /// <summary>Scope and id, for messages to operators; identifies nobody.</summary>
    public override string ToString() => $"{Scope}:{Id:x}";
}
