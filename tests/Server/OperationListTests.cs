using Domicile.Modules.Http;
using Domicile.Server;

namespace Domicile.Tests.Server;

public sealed class OperationListTests
{
    private static readonly OperationHandler Nothing = (_, _) => new(Reply.Empty(204));

    public static TheoryData<string, Operation> Faulty => new()
    {
        { "must start with one slash", new("GET", "x", "A", Access.Open, Nothing) },
        { "must start with one slash", new("GET", "//x", "A", Access.Open, Nothing) },
        { "no method", new("FETCH", "/x", "A", Access.Open, Nothing) },
        { "no method", new("get", "/x", "A", Access.Open, Nothing) },
        { "no scope", new("GET", "/x", "A", Access.User(), Nothing) },
        { "no role", new("GET", "/x", "A", Access.Administrator(), Nothing) },
        { "administration origin only", new("GET", "/x", "A", Access.Administrator("owner"), Nothing) { Origin = Origin.Resource } },
        { "administration origin only", new("GET", "/x", "A", Access.Credential, Nothing) { Origin = Origin.Resource } },
        { "administration origin only", new("GET", "/privacy/x", "A", Access.Credential, Nothing) { Origin = Origin.Resource } },
        { "administration origin only", new("GET", "/privacyx", "A", Access.Administrator("owner"), Nothing) { Origin = Origin.Resource } },
        { "not the administration origin", new("GET", "/x", "A", Access.Application, Nothing) { Origin = Origin.Administration } },
        { "not the administration origin", new("GET", "/x", "A", Access.User("chat"), Nothing) { Origin = Origin.Administration } },
        { "body limit", new("GET", "/x", "A", Access.Open, Nothing) { BodyLimit = -1 } },
        { "same method and path", new("GET", "/things/{other}", "A", Access.Open, Nothing) },
    };

    [Theory]
    [MemberData(nameof(Faulty))]
    public void A_list_that_does_not_hold_together_is_refused(string fault, Operation operation)
    {
        Operation good = new("GET", "/Things/{id}", "Good", Access.Open, Nothing);
        Assert.Contains(OperationList.FaultsOf([good, operation]), said => said.Contains(fault, StringComparison.Ordinal));
    }

    [Fact]
    public void One_path_may_be_on_both_kinds_of_origin() => Assert.Empty(OperationList.FaultsOf(
    [
        new("GET", "/x", "A", Access.Open, Nothing),
        new("GET", "/x", "B", Access.Administrator("owner"), Nothing),
        new("POST", "/x", "C", Access.Credential, Nothing),
        new("GET", "/x/{id}", "D", Access.User("chat"), Nothing),
        new("GET", "/x/:special", "E", Access.Application, Nothing),
        new("GET", "/privacy/x", "F", Access.Administrator("privacy"), Nothing) { Origin = Origin.Resource },
    ]));

    [Fact]
    public void What_administrators_call_is_on_the_administration_origin_unless_said_otherwise()
    {
        Assert.Equal(Origin.Administration, new Operation("GET", "/x", "A", Access.Administrator("owner"), Nothing).Origin);
        Assert.Equal(Origin.Administration, new Operation("GET", "/x", "A", Access.Credential, Nothing).Origin);
        Assert.Equal(Origin.Resource, new Operation("GET", "/x", "A", Access.Application, Nothing).Origin);
        Assert.Equal(Origin.Resource, new Operation("GET", "/x", "A", Access.Open, Nothing).Origin);
    }
}
