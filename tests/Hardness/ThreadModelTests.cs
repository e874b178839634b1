using Domicile.Tests.Conversations;

namespace Domicile.Tests.Hardness;

/// <summary>
/// People do random things in a thread at the same time. Afterwards the founder, who was always there, reads the whole transcript; a simple model goes
/// through it in its order, decides who was in the thread when, and says what each of the others must see. They must see exactly that.
/// </summary>
[Collection(nameof(HardnessCollection))]
public sealed class ThreadModelTests(SharedServer shared)
{
    [Fact]
    public Task What_everyone_sees_of_a_few_random_histories_is_what_the_model_says() => Play(histories: 20);

    [Fact]
    [Trait("length", "full")]
    public Task What_everyone_sees_of_many_random_histories_is_what_the_model_says() => Play(histories: 400);

    private async Task Play(int histories)
    {
        using var wire = await shared.Wire();
        await ThreadHistories.Play([wire], histories);
    }
}
