namespace Domicile.Server;

/// <summary>Why the server does not start, or does not open another port: each line of the message says what is wrong and what to do. The caller prints it and exits with 1.</summary>
/// <param name="message">What is wrong and what to do; no stack trace goes with it.</param>
/// <param name="inner">What happened beneath, for a debugger.</param>
public sealed class StartupException(string message, Exception? inner = null) : Exception(message, inner);
