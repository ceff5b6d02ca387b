"""What can go wrong with images.

ImageStoreError
├── InvalidReference        the name of an image is not one
├── ManifestNotFound        the registry does not have it
├── RegistryUnavailable     the registry does not answer, or answers with its own errors
├── Unauthorized            the registry wants other credentials
├── RegistryConfigInvalid   what the machine's operator wrote of the registry cannot be followed
├── DigestMismatch          what the registry sent is not what was asked for
├── UnsupportedImage        an image of a form that cannot be run here, or one with broken parts
├── ModuleInvalid           WebAssembly that wasmtime refuses
├── ProgramNotFound         the command names no file of the image
├── NotWebAssembly          the command names a file that is something else
├── LimitExceeded           larger or slower than the configuration allows
├── DiskFull                no space is left
└── StorageFailed           the disk refuses for another reason
"""


class ImageStoreError(Exception):
    """One sentence that names the object, the cause and the remedy."""


class InvalidReference(ImageStoreError):
    pass


class ManifestNotFound(ImageStoreError):
    pass


class RegistryUnavailable(ImageStoreError):
    pass


class Unauthorized(ImageStoreError):
    pass


class RegistryConfigInvalid(ImageStoreError):
    pass


class DigestMismatch(ImageStoreError):
    pass


class UnsupportedImage(ImageStoreError):
    pass


class ModuleInvalid(ImageStoreError):
    pass


class ProgramNotFound(ImageStoreError):
    pass


class NotWebAssembly(ImageStoreError):
    pass


class LimitExceeded(ImageStoreError):
    pass


class DiskFull(ImageStoreError):
    pass


class StorageFailed(ImageStoreError):
    pass
