// What the emulated server says it can do: the answer of /features and of a client's feature_flags message.

export const MAX_UPLOAD_BYTES = 104_857_600;

export const SERVER_FEATURES = { supports_preview_metadata: true, max_upload_size: MAX_UPLOAD_BYTES };
