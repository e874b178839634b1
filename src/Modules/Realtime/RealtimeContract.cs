using System.Text.Json.Serialization;

namespace Domicile.Modules.Realtime;

/// <summary>Where a client connects.</summary>
/// <param name="TrouterServiceUrl">The origin of connections, without a trailing slash.</param>
/// <param name="RegistrarServiceUrl">Where endpoints are registered, without a trailing slash.</param>
/// <param name="CloudType">What the client makes of names of templates; only <c>int</c> has an effect.</param>
internal sealed record Discovery(string TrouterServiceUrl, string RegistrarServiceUrl, string CloudType);

/// <summary>A connection that a client may make.</summary>
/// <param name="Socketio">The origin of the handshake and the socket, with a trailing slash and nothing behind it.</param>
/// <param name="Url">The path that events name.</param>
/// <param name="Surl">The same, for the registration.</param>
/// <param name="Curlb">The origin.</param>
/// <param name="Id">The connection's id.</param>
/// <param name="Ccid">The same, as later requests repeat it.</param>
/// <param name="Ttl">Seconds that the connection lives.</param>
/// <param name="Connectparams">What later requests repeat, unescaped: digits, letters, <c>-</c> and <c>_</c> only.</param>
internal sealed record Allocation(string Socketio, string Url, string Surl, string Curlb, string Id, string Ccid, string Ttl, ConnectParameters Connectparams);

/// <summary>What a client repeats in each request that has to do with the connection, and when it comes back.</summary>
/// <param name="Sr">The sealed <see cref="ConnectionTicket"/>.</param>
/// <param name="Issuer">Who made them.</param>
/// <param name="Sp">What for.</param>
/// <param name="St">From when, in milliseconds of the epoch.</param>
/// <param name="Se">Until when; a client drops what ends within the hour.</param>
internal sealed record ConnectParameters(string Sr, string Issuer, string Sp, string St, string Se);

/// <summary>POST /registrar/v3/registrations. Nothing is kept of it: a connection already says whose it is.</summary>
/// <param name="RegistrationId">The endpoint.</param>
internal sealed record Registration(string? RegistrationId);

/// <summary>A client's answer to an event.</summary>
/// <param name="Id">The number of the packet.</param>
/// <param name="Status">200: handled; 404: nobody took it, or it could not be read; 504: nobody did within 5 s.</param>
internal sealed record EventAnswer(long Id, int Status);

/// <summary>Something of the protocol's own, from a client.</summary>
/// <param name="Name">Such as <c>ping</c> or <c>user.activity</c>.</param>
internal sealed record ClientEvent(string? Name);

/// <summary>What stands behind a connection: sealed in <see cref="ConnectParameters"/>.</summary>
/// <param name="Id">The connection's id.</param>
/// <param name="Resource">The resource.</param>
/// <param name="Person">The user's handle.</param>
/// <param name="Endpoint">The endpoint.</param>
/// <param name="Node">The start of a node that made it.</param>
/// <param name="From">The start of a node on which the endpoint was connected before; null when it comes for the first time.</param>
internal sealed record ConnectionTicket(string Id, Guid Resource, long Person, string Endpoint, Guid Node, Guid? From);

/// <summary>What stands behind the id of a socket.</summary>
/// <param name="Nonce">128 random bits: what makes it good once.</param>
/// <param name="Until">Until when it is, in milliseconds of the epoch.</param>
/// <param name="Connection">The connection.</param>
/// <param name="RawId">The user.</param>
/// <param name="Expires">When their token ends, in seconds of the epoch.</param>
/// <param name="Revocations">How often their tokens had been revoked when it was issued.</param>
/// <param name="KeyFingerprint">The access key with which it was issued.</param>
internal sealed record SocketTicket(Guid Nonce, long Until, ConnectionTicket Connection, string RawId, long Expires, long Revocations, string KeyFingerprint);

/// <summary>A node tells how far it has delivered.</summary>
/// <param name="Node">The node's start.</param>
/// <param name="Epoch">The feed's epoch.</param>
/// <param name="Position">Everything up to here was delivered, and answered by all endpoints but those in <paramref name="Behind"/>.</param>
/// <param name="Behind">Endpoints that have answered less: for each 8 bytes of the user's handle, of the endpoint's digest, and of the position, big-endian.</param>
/// <param name="IsLast">Whether it stops.</param>
internal sealed record DeliveredSignal(Guid Node, long Epoch, long Position, byte[] Behind, bool IsLast);

/// <summary>A node asks for an endpoint that has come to it.</summary>
/// <param name="Claim">The question.</param>
/// <param name="Person">The user's handle.</param>
/// <param name="Endpoint">The endpoint.</param>
internal sealed record ClaimSignal(Guid Claim, long Person, string Endpoint);

/// <summary>The node that had an endpoint gives it away.</summary>
/// <param name="Claim">The question.</param>
/// <param name="Epoch">The feed's epoch.</param>
/// <param name="Position">Everything up to here was answered.</param>
internal sealed record YieldSignal(Guid Claim, long Epoch, long Position);

/// <summary>Of whom nodes ask each other.</summary>
/// <param name="Node">The node that says so.</param>
/// <param name="Person">The user's handle.</param>
internal sealed record PersonSignal(Guid Node, long Person);

/// <summary>The answer to it.</summary>
/// <param name="Asking">The node that asked.</param>
/// <param name="Person">The user's handle.</param>
internal sealed record HereSignal(Guid Asking, long Person);

/// <summary>An id of a socket was used.</summary>
/// <param name="Nonce">What makes it good once.</param>
/// <param name="Until">Until when it was good, in milliseconds of the epoch.</param>
internal sealed record UsedSignal(Guid Nonce, long Until);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false, MaxDepth = 16)]
[JsonSerializable(typeof(Discovery))]
[JsonSerializable(typeof(Allocation))]
[JsonSerializable(typeof(Registration))]
[JsonSerializable(typeof(EventAnswer))]
[JsonSerializable(typeof(ClientEvent))]
[JsonSerializable(typeof(ConnectionTicket))]
[JsonSerializable(typeof(SocketTicket))]
[JsonSerializable(typeof(DeliveredSignal))]
[JsonSerializable(typeof(ClaimSignal))]
[JsonSerializable(typeof(PersonSignal))]
[JsonSerializable(typeof(HereSignal))]
[JsonSerializable(typeof(YieldSignal))]
[JsonSerializable(typeof(UsedSignal))]
internal sealed partial class RealtimeJson : JsonSerializerContext;
