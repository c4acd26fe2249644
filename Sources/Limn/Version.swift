/// The library's version, as pictures' metadata records it.
public let limnVersion = "0.1.0"
