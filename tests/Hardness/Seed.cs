using System.Globalization;

namespace Domicile.Tests.Hardness;

/// <summary>Where the chance of a test begins. It is printed with the test's output and in every failure, and a variable of the environment sets it.</summary>
internal sealed class Seed
{
    /// <summary>Repeats a run: <c>DOMICILE_SEED=123 ./test Name</c>.</summary>
    public const string Variable = "DOMICILE_SEED";

    private Seed(int value)
    {
        Value = value;
    }

    public int Value { get; }

    /// <summary>A seed of the environment, else a fresh one.</summary>
    public static Seed Take()
    {
        var seed = new Seed(int.TryParse(Environment.GetEnvironmentVariable(Variable), CultureInfo.InvariantCulture, out var given) ? given : Random.Shared.Next());
        TestContext.Current.TestOutputHelper?.WriteLine(seed.ToString());
        return seed;
    }

    /// <summary>Chance of its own for one part of a run, so that parts that run at the same time do not disturb each other's.</summary>
    public Random For(int part) => new(unchecked((Value * 397) ^ (part * 7919)));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Variable}={Value}");
}
