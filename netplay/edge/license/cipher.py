"""The cryptography of the Widevine licence protocol, on bytes.

RSA-PSS and RSA-OAEP with SHA-1, as the protocol has them; AES-CBC with PKCS #7 padding;
and the derivation of a licence's keys from its session key and the request it answers.

Source: RFC 8017 (PSS, OAEP); NIST SP 800-108 (counter mode, with RFC 4493's CMAC) for the
derivation, whose labels and lengths the published clients agree on.
"""

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hmac, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.padding import PKCS7

__all__ = [
    "LicenseKeys",
    "cbc_decrypted",
    "cbc_encrypted",
    "derived",
    "is_mac",
    "is_signed",
    "mac",
    "private_der",
    "private_key",
    "public_der",
    "public_key",
    "rsa_key",
    "signed",
    "unwrapped",
    "wrapped",
]

SHA1 = hashes.SHA1
BLOCK_BITS = 128


def _pss() -> padding.PSS:
    return padding.PSS(padding.MGF1(SHA1()), SHA1.digest_size)


def _oaep() -> padding.OAEP:
    return padding.OAEP(padding.MGF1(SHA1()), SHA1(), None)


def rsa_key() -> rsa.RSAPrivateKey:
    """Return a new 2048-bit key; takes some 30 ms."""
    return rsa.generate_private_key(65537, 2048)


def private_der(key: rsa.RSAPrivateKey) -> bytes:
    """Return a private key as PKCS #1 DER, unencrypted."""
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def private_key(der: bytes) -> rsa.RSAPrivateKey:
    """Read what `private_der` wrote."""
    key = serialization.load_der_private_key(der, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def public_der(key: rsa.RSAPrivateKey) -> bytes:
    """Return the public half as PKCS #1 DER, as certificates hold it."""
    return key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.PKCS1
    )


def public_key(der: bytes) -> rsa.RSAPublicKey:
    """Read a public key.

    Raises:
        ValueError: It is no RSA key, or of a size outside 2,048 to 4,096 bits.
    """
    try:
        key = serialization.load_der_public_key(der)
    except UnsupportedAlgorithm as error:
        raise ValueError("not an RSA key") from error
    # A stranger's 16,384-bit key would hold the server up at every signature.
    if not isinstance(key, rsa.RSAPublicKey) or not 2048 <= key.key_size <= 4096:
        raise ValueError("not an RSA key of 2,048 to 4,096 bits")
    return key


def signed(message: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Return the RSA-PSS signature of a message."""
    return key.sign(message, _pss(), SHA1())


def is_signed(message: bytes, signature: bytes, key: rsa.RSAPublicKey) -> bool:
    """Return whether a signature is that of a message by the owner of a key."""
    try:
        key.verify(signature, message, _pss(), SHA1())
    except InvalidSignature:
        return False
    return True


def wrapped(secret: bytes, key: rsa.RSAPublicKey) -> bytes:
    """Return a secret that only the owner of a key can read."""
    return key.encrypt(secret, _oaep())


def unwrapped(secret: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Return what `wrapped` was given.

    Raises:
        ValueError: It was wrapped for another key, or changed since.
    """
    return key.decrypt(secret, _oaep())


def cbc_encrypted(data: bytes, key: bytes, iv: bytes) -> bytes:
    """Return data padded and encrypted."""
    padder = PKCS7(BLOCK_BITS).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(padder.update(data) + padder.finalize()) + cipher.finalize()


def cbc_decrypted(data: bytes, key: bytes, iv: bytes) -> bytes:
    """Return what `cbc_encrypted` was given.

    Raises:
        ValueError: The key, the IV or the data cannot be right.
    """
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = PKCS7(BLOCK_BITS).unpadder()
    return unpadder.update(cipher.update(data) + cipher.finalize()) + unpadder.finalize()


def mac(message: bytes, key: bytes) -> bytes:
    """Return the HMAC-SHA256 of a message."""
    code = hmac.HMAC(key, hashes.SHA256())
    code.update(message)
    return code.finalize()


def is_mac(message: bytes, signature: bytes, key: bytes) -> bool:
    """Return whether a signature is a message's HMAC; compared in constant time."""
    code = hmac.HMAC(key, hashes.SHA256())
    code.update(message)
    try:
        code.verify(signature)
    except InvalidSignature:
        return False
    return True


@dataclass(frozen=True, slots=True)
class LicenseKeys:
    """What one licence is protected with.

    Attributes:
        encryption: Sixteen bytes; wraps the content keys.
        server: 32 bytes; signs the licence.
    """

    encryption: bytes = field(repr=False)
    server: bytes = field(repr=False)


def derived(session_key: bytes, request: bytes) -> LicenseKeys:
    """Return the keys of the licence that answers a request.

    Args:
        session_key: Sixteen bytes, new for each licence.
        request: The LicenseRequest message, as it was signed.
    """

    def block(counter: int, label: bytes, bits: int) -> bytes:
        code = CMAC(algorithms.AES(session_key))
        code.update(bytes([counter]) + label + b"\0" + request + bits.to_bytes(4, "big"))
        return code.finalize()

    # Blocks 3 and 4 would sign the client's renewals, were there no keys for that inside.
    return LicenseKeys(
        encryption=block(1, b"ENCRYPTION", 128),
        server=block(1, b"AUTHENTICATION", 512) + block(2, b"AUTHENTICATION", 512),
    )
