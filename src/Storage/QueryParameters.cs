using System.Data.Common;

namespace Domicile.Storage;

/// <summary>Parameters of queries that are written for both engines.</summary>
internal static class QueryParameters
{
    /// <summary>Adds a parameter.</summary>
    /// <param name="command">The command.</param>
    /// <param name="name">Its name, with the @.</param>
    /// <param name="value">A number, a text or bytes; null for a value that comes later.</param>
    public static DbParameter Add(this DbCommand command, string name, object? value)
    {
        var parameter = command.CreateParameter();
        (parameter.ParameterName, parameter.Value) = (name, value);
        command.Parameters.Add(parameter);
        return parameter;
    }

    /// <summary>Gives a parameter its value, adding it where the command does not have it yet.</summary>
    public static void Set(this DbCommand command, string name, object value)
    {
        var at = command.Parameters.IndexOf(name);
        if (at >= 0)
        {
            command.Parameters[at].Value = value;
        }
        else
        {
            command.Add(name, value);
        }
    }
}
